import pytest
import torch
from scipy.stats import hypergeom

from pixelnet_edu.sampling import allocation
from pixelnet_edu.teaching.palette import STRATA
from pixelnet_edu.teaching.widgets import SampleExplorer

NAMES = ["yellow", "blue", "pink"]


def label_map():
    labels = torch.full((17, 25), 0)
    labels[:5] = 1
    labels[8:10, 3:12] = 2
    labels[16, 24] = 255
    return labels


def test_repr_and_state():
    explorer = SampleExplorer(label_map(), NAMES, STRATA)
    assert repr(explorer) == "SampleExplorer(25 x 17 pixels)"
    assert explorer.counts == [10, 5, 2]
    assert sum(len(str(value)) for value in explorer.get_state().values()) < 30_000


@pytest.mark.parametrize(
    ("total", "size", "n"), [(425, 20, 17), (425, 1, 85), (424, 18, 1), (30, 29, 2), (10, 3, 8), (5, 0, 3)]
)
def test_miss_probability_is_hypergeometric(run_js, total, size, n):
    found = run_js(SampleExplorer, "return m.missProbability(...a)", [total, size, n])
    assert found == pytest.approx(hypergeom.pmf(0, total, size, n), rel=1e-10, abs=1e-300)


def random_sizes(count=60):
    generator = torch.Generator().manual_seed(0)
    for _ in range(count):
        sizes = torch.randint(0, 60, (int(torch.randint(2, 8, (1,), generator=generator)),), generator=generator)
        sizes[0] += 8
        most = int(sizes.sum())
        yield sizes.tolist(), int(torch.randint(len(sizes), most + 1, (1,), generator=generator))


@pytest.mark.parametrize("method", ["proportional", "equal"])
def test_allocation_is_the_samplers(run_js, method):
    cases = list(random_sizes())
    found = run_js(SampleExplorer, f"return a.map(([sizes, n]) => m.allocate({method!r}, sizes, n, []))", cases)
    for (sizes, n), counts in zip(cases, found, strict=True):
        sizes = torch.tensor([sizes])
        shares = torch.ones_like(sizes).double() if method == "equal" else None
        assert counts == allocation.allocate(sizes, n, shares)[0].tolist()


def test_the_425_pixels_give_10_5_2(run_js):
    assert run_js(SampleExplorer, 'return m.allocate("proportional", [250, 125, 50], 17, [])') == [10, 5, 2]


@pytest.mark.parametrize("method", ["uniform", "proportional", "equal", "fixed"])
def test_samples_are_distinct_valid_and_allocated(run_js, method):
    explorer = SampleExplorer(label_map(), NAMES, STRATA)
    body = f"""
      const labels = m.decode(a[0], Uint8Array);
      const strata = m.strataOf(labels, 3);
      const sample = m.drawSample({method!r}, strata, 17, [10, 5, 2], m.mulberry32(7));
      const sizes = strata.map((stratum) => stratum.length);
      return [sample, m.countClasses(sample, labels, 3), m.allocate({method!r}, sizes, 17, [10, 5, 2])];
    """
    sample, counts, expected = run_js(SampleExplorer, body, [explorer.labels])
    assert len(sample) == len(set(sample)) == 17
    assert (label_map().flatten()[sample] != 255).all()
    assert sum(counts) == 17
    assert expected is None or counts == expected


def test_generator_repeats_and_fills_the_unit_interval(run_js):
    body = "return a.map((seed) => { const next = m.mulberry32(seed); return Array.from({ length: 2000 }, next); })"
    first, again, other = (torch.tensor(draws) for draws in run_js(SampleExplorer, body, [1, 1, 2]))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert ((first >= 0) & (first < 1)).all()
    assert abs(float(first.mean()) - 0.5) < 4 / (12 * 2000) ** 0.5


def test_every_pixel_is_chosen_equally_often(run_js):
    body = """
      const random = m.mulberry32(3);
      const counts = Array(10).fill(0);
      for (let round = 0; round < 5000; round += 1) {
        m.choose([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 3, random).forEach((item) => (counts[item] += 1));
      }
      return counts;
    """
    counts = torch.tensor(run_js(SampleExplorer, body)) / 5000
    assert (counts - 0.3).abs().max() < 4 * (0.3 * 0.7 / 5000) ** 0.5


def test_simulated_misses_agree_with_the_exact_probability(run_js):
    explorer = SampleExplorer(label_map(), NAMES, STRATA)
    body = """
      const labels = m.decode(a, Uint8Array);
      const strata = m.strataOf(labels, 3);
      const { missed } = m.simulate("uniform", strata, labels, 17, [], m.mulberry32(1), 4000);
      return [missed, m.exactMisses("uniform", strata.map((stratum) => stratum.length), 17, [])];
    """
    missed, exact = run_js(SampleExplorer, body, explorer.labels)
    assert exact[2] == pytest.approx(hypergeom.pmf(0, 424, 18, 17))
    assert abs(missed[2] / 4000 - exact[2]) < 4 * (exact[2] * (1 - exact[2]) / 4000) ** 0.5


def test_fixed_counts_never_miss(run_js):
    assert run_js(SampleExplorer, 'return m.exactMisses("fixed", [250, 125, 50], 17, [10, 5, 2])') == [0, 0, 0]
    assert run_js(SampleExplorer, 'return m.exactMisses("fixed", [250, 125, 50], 15, [10, 5, 0])') == [0, 0, 1]


@pytest.mark.parametrize(
    ("labels", "counts", "message"),
    [
        (torch.zeros(3, 3, 3), (1, 1, 1), r"labels: found shape \(3, 3, 3\)"),
        (torch.full((3, 3), 255), (0, 0, 0), "labels: found only 255"),
        (torch.zeros(3, 3), (1, 1, 0), "counts: found 1 for 'blue', expected 0 to 0"),
        (torch.zeros(3, 3), (1, 0), "counts: found 2, expected one for each of 3 classes"),
    ],
)
def test_bad_arguments_are_named(labels, counts, message):
    with pytest.raises(ValueError, match=message):
        SampleExplorer(labels, NAMES, STRATA, counts)
