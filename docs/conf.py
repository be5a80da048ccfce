"""The site: MyST pages and notebooks whose code runs while it is built, and a reference made from docstrings.

``python -m sphinx -W -b html docs docs/_build/html`` builds it. Nothing on it is fetched: formulas are MathML, styles
and scripts lie beside the pages, so that it reads from a disk.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

import mcmix  # noqa: E402  behind the path, as extensions are

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # matrices are small; kernels of pages share the cores
# commands on pages say `python`: that of this build, whether or not its environment is activated
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])

project = "mcmix"
author = "the mcmix developers"
copyright = "2026, the mcmix developers"
version = release = mcmix.__version__

extensions = [
    "generated",  # tables, notebooks and lists that are made of other files of the repository
    "mathml",  # formulas without scripts or fonts
    "tabs_run",  # code in tabs runs as well
    "outputs",  # without bars of progress
    "docstring_examples",  # examples of docstrings run; a failure is a warning, so it fails the build
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
    "sphinx_copybutton",
]

exclude_patterns = ["_build", "generated", "extensions", "**.ipynb_checkpoints"]
templates_path = ["_templates"]
suppress_warnings = ["mystnb.unknown_mime_type"]  # of widgets that stored notebooks hold beside their text

# ---------------------------------------------------------------- pages that run

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_inline"]
myst_heading_anchors = 3
nb_execution_mode = "cache"  # pages run anew where their code changed; a clean build runs them all
nb_execution_cache_path = str(HERE / "_build" / "jupyter_cache")
nb_execution_excludepatterns = ["tutorials/*.ipynb"]  # minutes long: CI runs them in a stage of their own
# an error is a warning, and so fails the build under -W; raised in one of two readers it would leave the other waiting
nb_execution_show_tb = True
nb_execution_in_temp = True  # files that pages write
nb_execution_timeout = 180
nb_merge_streams = True
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # would be fetched
nb_render_image_options = {"align": "left"}

# ---------------------------------------------------------------- reference

autosummary_generate = True
autosummary_imported_members = True
autosummary_context = {
    "distributions": sorted(
        name
        for name in mcmix.__all__
        if isinstance(getattr(mcmix, name), type)
        and issubclass(getattr(mcmix, name), mcmix.Distribution)
        and name != "Distribution"
    )
}
autodoc_typehints = "none"  # numpydoc's sections say it in words
autodoc_member_order = "groupwise"
numpydoc_show_class_members = False  # the template lists them
numpydoc_xref_param_type = False

# ---------------------------------------------------------------- how it looks

html_theme = "pydata_sphinx_theme"
html_title = f"mcmix {release}"
html_static_path = ["_static", "generated/fonts"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "header_links_before_dropdown": 8,
}
html_sidebars = {"index": [], "install": [], "quickstart": [], "gallery": []}

sys.modules["mcmix.plots"] = mcmix.plots  # a name of the package, not a module file: autodoc imports by module
