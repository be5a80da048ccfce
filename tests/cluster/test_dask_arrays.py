"""Dask arrays as data: in blocks in this process, and where they lie on a cluster."""

import numpy as np
import pytest
from dask import array

import mcmix as mc
from tests.clusters import N, assert_same, make_short, numbers, on_file, rows, two_workers, vectors


@pytest.fixture(scope="module")
def client():
    with two_workers() as found:
        yield found


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    make_short(monkeypatch)


def sampled(nodes, client=None):
    return mc.MCMC(nodes).sample(8, 4, chains=2, seed=1, progress_bar=False, client=client)


def test_labels_are_those_of_the_same_rows_in_a_file(tmp_path):
    x = rows(vectors)
    assert_same(sampled(on_file(tmp_path, vectors)), sampled(vectors(array.from_array(x, chunks=(7001, 3)))))


def test_few_weighted_rows_stand_for_numbers(tmp_path):
    x = rows(numbers)
    (one,) = numbers(array.from_array(x, chunks=10_000))
    np.save(tmp_path / "rows.npy", x)
    (other,) = numbers(mc.OnDisk(tmp_path / "rows.npy"))
    assert np.array_equal(one.row_weights, other.row_weights) and np.array_equal(one.value, other.value)


def test_it_is_a_value_like_any_other_where_rows_are_few_or_no_mixture_is_written():
    x = rows(numbers, 500)
    lazy = array.from_array(x, chunks=100)
    (y,) = numbers(lazy)
    assert y.row_weights is None and np.array_equal(y.value, x)
    assert np.array_equal(mc.Normal("x", 0.0, 1.0, value=lazy, observed=True).value, x)


@pytest.mark.parametrize("chunks", [(5000, 3), (30_000, 1)], ids=["many chunks of a part", "columns apart"])
def test_chunks_are_brought_together_on_the_workers(client, chunks, tmp_path):
    x = rows(vectors)
    assert_same(sampled(on_file(tmp_path, vectors)), sampled(vectors(array.from_array(x, chunks=chunks)), client))


def test_what_lies_on_the_workers_is_sampled_there(client, tmp_path):
    lazy = client.persist(array.from_array(rows(vectors), chunks=(20_000, 3)))
    assert_same(sampled(on_file(tmp_path, vectors)), sampled(vectors(lazy), client))


def test_chunks_of_uneven_width_are_refused():
    lazy = array.from_array(rows(vectors), chunks=(20_000, (2, 1)))
    with pytest.raises(mc.ModelError, match=r"of one width, got widths 2, 1; pass array.rechunk\(\{1: -1\}\)"):
        vectors(lazy)


def test_an_unknown_number_of_rows_is_refused():
    lazy = array.from_array(rows(numbers), chunks=20_000)
    with pytest.raises(mc.ModelError, match=r"of known shape, got \(nan,\); call compute_chunk_sizes\(\)"):
        numbers(lazy[lazy > 0])


def test_a_number_that_is_none_in_a_far_chunk_is_named_by_its_row():
    x = rows(vectors)
    x[N - 5, 1] = np.nan
    with pytest.raises(mc.ModelError, match=f"y: expected finite values, got nan in row {N - 5} of "):
        vectors(array.from_array(x, chunks=(5000, 3)))
