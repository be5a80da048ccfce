r"""How the density of each family is written, for docstrings and the reference: symbols, formula, an example.

Formulas are LaTeX; \phi and \Phi are the standard normal density and distribution function, [...] is 1 where the
condition holds and 0 elsewhere, d the number of coordinates or rows.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Notation:
    """The formula of a density and an example.

    Parameters
    ----------
    symbols : tuple of str
        LaTeX of each parameter, in the family's order.
    density : str
        LaTeX of the density or mass at x (X for a matrix).
    example : str
        Arguments behind the name that make a node whose value is given.
    logp : float
        Its log density to four digits behind the point.
    """

    symbols: tuple[str, ...]
    density: str
    example: str
    logp: float


_POISSON = r"\frac{\mu^x e^{-\mu}}{x!}"
_BINOMIAL = r"\binom{n}{x} p^x (1 - p)^{n - x}"
_NEGATIVE_BINOMIAL = (
    r"\frac{\Gamma(x + \alpha)}{x!\, \Gamma(\alpha)} \left(\frac{\alpha}{\alpha + \mu}\right)^{\alpha}"
    r" \left(\frac{\mu}{\alpha + \mu}\right)^{x}"
)
_WISHART = r"\frac{|X|^{(n - d - 1) / 2}}{2^{n d / 2}\, \Gamma_d(n / 2)}"

NOTATION: dict[str, Notation] = {
    "Normal": Notation(
        (r"\mu", r"\tau"),
        r"\sqrt{\frac{\tau}{2 \pi}} \exp\left(-\frac{\tau}{2} (x - \mu)^2\right)",
        "170.0, sigma=10.0, value=180.0",
        -3.7215,
    ),
    "Uniform": Notation(("a", "b"), r"\frac{1}{b - a}", "0.0, 4.0, value=1.0", -1.3863),
    "Bernoulli": Notation(("p",), r"p^x (1 - p)^{1 - x}", "0.3, value=True", -1.204),
    "Beta": Notation(
        (r"\alpha", r"\beta"),
        r"\frac{\Gamma(\alpha + \beta)}{\Gamma(\alpha)\, \Gamma(\beta)} x^{\alpha - 1} (1 - x)^{\beta - 1}",
        "2.0, 3.0, value=0.25",
        0.5232,
    ),
    "Binomial": Notation(("n", "p"), _BINOMIAL, "10, 0.3, value=4", -1.6088),
    "Gamma": Notation(
        (r"\alpha", r"\beta"),
        r"\frac{\beta^\alpha}{\Gamma(\alpha)} x^{\alpha - 1} e^{-\beta x}",
        "2.0, scale=3.0, value=4.0",
        -2.1443,
    ),
    "InverseGamma": Notation(
        (r"\alpha", r"\beta"),
        r"\frac{\beta^\alpha}{\Gamma(\alpha)} x^{-\alpha - 1} e^{-\beta / x}",
        "3.0, 2.0, value=0.5",
        0.1589,
    ),
    "Exponential": Notation((r"\beta",), r"\beta e^{-\beta x}", "0.5, value=3.0", -2.1931),
    "Poisson": Notation((r"\mu",), _POISSON, "2.5, value=3", -1.5429),
    "NegativeBinomial": Notation((r"\mu", r"\alpha"), _NEGATIVE_BINOMIAL, "4.0, 1.5, value=2", -1.9572),
    "Lognormal": Notation(
        (r"\mu", r"\tau"),
        r"\frac{1}{x} \sqrt{\frac{\tau}{2 \pi}} \exp\left(-\frac{\tau}{2} (\log x - \mu)^2\right)",
        "0.0, sigma=0.5, value=1.5",
        -0.9601,
    ),
    "HalfNormal": Notation(
        (r"\tau",), r"\sqrt{\frac{2 \tau}{\pi}} \exp\left(-\frac{\tau}{2} x^2\right)", "sigma=2.0, value=1.0", -1.0439
    ),
    "HalfCauchy": Notation(
        (r"\alpha", r"\beta"),
        r"\frac{1}{\beta \left(\frac{\pi}{2} + \arctan\frac{\alpha}{\beta}\right)}"
        r" \left(1 + \left(\frac{x - \alpha}{\beta}\right)^2\right)^{-1}",
        "scale=2.5, value=1.0",
        -1.5163,
    ),
    "StudentT": Notation(
        (r"\mu", r"\lambda", r"\nu"),
        r"\frac{\Gamma\left(\frac{\nu + 1}{2}\right)}{\Gamma\left(\frac{\nu}{2}\right)} \sqrt{\frac{\lambda}{\pi \nu}}"
        r" \left(1 + \frac{\lambda (x - \mu)^2}{\nu}\right)^{-(\nu + 1) / 2}",
        "0.0, 1.0, 4.0, value=1.0",
        -1.5387,
    ),
    "DiscreteUniform": Notation(("a", "b"), r"\frac{1}{b - a + 1}", "1, 6, value=4", -1.7918),
    "Categorical": Notation(("p",), r"p_x", "[0.2, 0.3, 0.5], value=2", -0.6931),
    "Dirichlet": Notation(
        (r"\theta",),
        r"\frac{\Gamma\left(\sum_k \theta_k\right)}{\prod_k \Gamma(\theta_k)} \prod_k x_k^{\theta_k - 1}",
        "[1.0, 2.0, 3.0], value=[0.2, 0.3, 0.5]",
        1.5041,
    ),
    "Weibull": Notation(
        (r"\alpha", r"\beta"),
        r"\frac{\alpha}{\beta} \left(\frac{x}{\beta}\right)^{\alpha - 1}"
        r" \exp\left(-\left(\frac{x}{\beta}\right)^\alpha\right)",
        "1.5, 10.0, value=8.0",
        -2.7242,
    ),
    "Laplace": Notation((r"\mu", r"\tau"), r"\frac{\tau}{2} e^{-\tau |x - \mu|}", "0.0, 2.0, value=0.5", -1.0),
    "Cauchy": Notation(
        (r"\alpha", r"\beta"),
        r"\frac{1}{\pi \beta} \left(1 + \left(\frac{x - \alpha}{\beta}\right)^2\right)^{-1}",
        "0.0, 1.0, value=2.0",
        -2.7542,
    ),
    "Logistic": Notation(
        (r"\mu", r"\tau"),
        r"\frac{\tau e^{-\tau (x - \mu)}}{\left(1 + e^{-\tau (x - \mu)}\right)^2}",
        "0.0, 1.0, value=1.0",
        -1.6265,
    ),
    "SkewNormal": Notation(
        (r"\mu", r"\tau", r"\alpha"),
        r"2 \sqrt{\tau}\, \phi(z)\, \Phi(\alpha z), \quad z = \sqrt{\tau} (x - \mu)",
        "0.0, 1.0, 4.0, value=0.5",
        -0.3738,
    ),
    "Chi2": Notation(
        (r"\nu",), r"\frac{x^{\nu / 2 - 1} e^{-x / 2}}{2^{\nu / 2}\, \Gamma(\nu / 2)}", "3.0, value=2.0", -1.5724
    ),
    "VonMises": Notation(
        (r"\mu", r"\kappa"),
        r"\frac{e^{\kappa \cos(x - \mu)}}{2 \pi I_0(\kappa)}",
        "0.0, 2.0, value=0.5",
        -0.9067,
    ),
    "Geometric": Notation(("p",), r"p (1 - p)^{x - 1}", "0.25, value=3", -1.9617),
    "BetaBinomial": Notation(
        (r"\alpha", r"\beta", "n"),
        r"\binom{n}{x} \frac{B(x + \alpha, n - x + \beta)}{B(\alpha, \beta)}",
        "2.0, 3.0, 10, value=4",
        -1.9671,
    ),
    "ZeroInflatedPoisson": Notation(
        (r"\psi", r"\mu"), rf"\psi [x = 0] + (1 - \psi) {_POISSON}", "0.3, 2.0, value=0", -0.9295
    ),
    "ZeroInflatedBinomial": Notation(
        (r"\psi", "n", "p"), rf"\psi [x = 0] + (1 - \psi) {_BINOMIAL}", "0.3, 10, 0.4, value=0", -1.19
    ),
    "ZeroInflatedNegativeBinomial": Notation(
        (r"\psi", r"\mu", r"\alpha"),
        rf"\psi [x = 0] + (1 - \psi) {_NEGATIVE_BINOMIAL}",
        "0.3, 4.0, 1.5, value=0",
        -0.917,
    ),
    "HurdlePoisson": Notation(
        (r"\psi", r"\mu"),
        rf"\psi [x = 0] + \frac{{1 - \psi}}{{1 - e^{{-\mu}}}} {_POISSON} [x > 0]",
        "0.3, 2.0, value=1",
        -1.5181,
    ),
    "HurdleNegativeBinomial": Notation(
        (r"\psi", r"\mu", r"\alpha"),
        r"\psi [x = 0] + (1 - \psi) \frac{f(x)}{1 - f(0)} [x > 0], \quad f(x) = " + _NEGATIVE_BINOMIAL,
        "0.3, 4.0, 1.5, value=1",
        -2.0649,
    ),
    "HurdleGamma": Notation(
        (r"\psi", r"\alpha", r"\beta"),
        r"\psi [x = 0] + (1 - \psi) \frac{\beta^\alpha}{\Gamma(\alpha)} x^{\alpha - 1} e^{-\beta x} [x > 0]",
        "0.3, 2.0, 1.0, value=1.5",
        -1.4512,
    ),
    "HurdleLognormal": Notation(
        (r"\psi", r"\mu", r"\tau"),
        r"\psi [x = 0] + (1 - \psi) \frac{1}{x} \sqrt{\frac{\tau}{2 \pi}}"
        r" \exp\left(-\frac{\tau}{2} (\log x - \mu)^2\right) [x > 0]",
        "0.3, 0.0, 1.0, value=1.5",
        -1.7633,
    ),
    "ZeroOneInflatedBeta": Notation(
        (r"\psi", r"\omega", r"\alpha", r"\beta"),
        r"\psi (1 - \omega) [x = 0] + \psi \omega [x = 1] + (1 - \psi)"
        r" \frac{\Gamma(\alpha + \beta)}{\Gamma(\alpha)\, \Gamma(\beta)} x^{\alpha - 1} (1 - x)^{\beta - 1}"
        r" [0 < x < 1]",
        "0.3, 0.4, 2.0, 3.0, value=1.0",
        -2.1203,
    ),
    "TruncatedNormal": Notation(
        (r"\mu", r"\tau", "a", "b"),
        r"\frac{\sqrt{\tau}\, \phi(\sqrt{\tau} (x - \mu))}"
        r"{\Phi(\sqrt{\tau} (b - \mu)) - \Phi(\sqrt{\tau} (a - \mu))}",
        "0.0, sigma=1.0, lower=0.0, upper=2.0, value=0.5",
        -0.3042,
    ),
    "Multinomial": Notation(
        ("n", "p"), r"\frac{n!}{\prod_k x_k!} \prod_k p_k^{x_k}", "6, [0.2, 0.3, 0.5], value=[1, 2, 3]", -2.0025
    ),
    "MvNormal": Notation(
        (r"\mu", r"\Lambda"),
        r"\frac{|\Lambda|^{1 / 2}}{(2 \pi)^{d / 2}}"
        r" \exp\left(-\frac{1}{2} (x - \mu)^\top \Lambda (x - \mu)\right)",
        "[0.0, 0.0], [[2.0, 0.5], [0.5, 1.0]], value=[1.0, -1.0]",
        -2.5581,
    ),
    "MvNormalCov": Notation(
        (r"\mu", r"\Sigma"),
        r"\frac{1}{(2 \pi)^{d / 2} |\Sigma|^{1 / 2}}"
        r" \exp\left(-\frac{1}{2} (x - \mu)^\top \Sigma^{-1} (x - \mu)\right)",
        "[0.0, 0.0], [[2.0, 0.5], [0.5, 1.0]], value=[1.0, -1.0]",
        -3.2605,
    ),
    "MvNormalChol": Notation(
        (r"\mu", "L"),
        r"\frac{1}{(2 \pi)^{d / 2} |L|}"
        r" \exp\left(-\frac{1}{2} (x - \mu)^\top (L L^\top)^{-1} (x - \mu)\right)",
        "[0.0, 0.0], [[1.5, 0.0], [0.5, 1.0]], value=[1.0, -1.0]",
        -3.3545,
    ),
    "Wishart": Notation(
        ("n", "T"),
        rf"|T|^{{n / 2}} {_WISHART} e^{{-\operatorname{{tr}}(T X) / 2}}",
        "4.0, [[1.0, 0.0], [0.0, 1.0]], value=[[3.0, 0.5], [0.5, 4.0]]",
        -5.4922,
    ),
    "WishartCov": Notation(
        ("n", "C"),
        rf"|C|^{{-n / 2}} {_WISHART} e^{{-\operatorname{{tr}}(C^{{-1}} X) / 2}}",
        "4.0, [[1.0, 0.0], [0.0, 1.0]], value=[[3.0, 0.5], [0.5, 4.0]]",
        -5.4922,
    ),
    "InverseWishart": Notation(
        ("n", "S"),
        r"\frac{|S|^{n / 2} |X|^{-(n + d + 1) / 2}}{2^{n d / 2}\, \Gamma_d(n / 2)}"
        r" e^{-\operatorname{tr}(S X^{-1}) / 2}",
        "4.0, [[1.0, 0.0], [0.0, 1.0]], value=[[1.0, 0.2], [0.2, 0.5]]",
        -2.1368,
    ),
    "LKJ": Notation(
        (r"\eta", "d"),
        r"|X|^{\eta - 1} \prod_{k=1}^{d - 1} \left(2^{2 \eta_k - 1} B(\eta_k, \eta_k)\right)^{k - d},"
        r" \quad \eta_k = \eta + \frac{d - 1 - k}{2}",
        "2.0, 2, value=[[1.0, 0.3], [0.3, 1.0]]",
        -0.382,
    ),
    "HalfStudentT": Notation(
        (r"\nu", r"\sigma"),
        r"\frac{2\, \Gamma\left(\frac{\nu + 1}{2}\right)}{\Gamma\left(\frac{\nu}{2}\right) \sqrt{\pi \nu}\, \sigma}"
        r" \left(1 + \frac{x^2}{\nu \sigma^2}\right)^{-(\nu + 1) / 2}",
        "3.0, 2.0, value=1.0",
        -1.161,
    ),
}

__all__ = ["NOTATION", "Notation"]
