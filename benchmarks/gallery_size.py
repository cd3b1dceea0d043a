"""What it costs to rank one walker against 10 to 10,000 enrolled people, and whether proposing loses anybody.

    .venv/bin/python benchmarks/gallery_size.py runs/gait_small [--cache DIR] [--plot docs/images/gallery_size.png]

Of a trained gait network, exported anew. Queries are takes of the radar of the test cohort (`walkers58_few`, made by
`mission export`). The gallery is partly drawn, for there are no 10,000 simulated people with takes of a camera: first
come the people of the test cohort, then those of `population`, most of whom the network has learnt from, and then draws
from a normal model of [information, log precision] fitted to the merged evidence of the people of `population`. They
scatter more widely than people do, and are seldom among the nearest (the output says how seldom). So what is said of
large galleries is what they cost and whether they are searched faithfully, not how well people are told apart in them.

Ways to rank are "pairs": one call of the network for each person; "exact": everybody, `CHUNK` at a time, as in small
galleries; "proposed": those whom signatures propose. Times are CPU times of one core, medians over queries, of
everything between the encoded radar clip and the ranking. What the picture network reads of the camera's takes is kept
in the cache, which makes the next run a matter of a minute or two, with another network on the same pictures as well.
"""

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from mission_core.camera.snippet import SNIPPET_FRAMES, resample
from mission_core.data.shards import DataSet, build, default_root
from mission_core.data.takes import CameraTake, TakeInfo
from mission_core.data.walks import cohort, middle, plans, protocol, read_walks
from mission_core.models.export import write_model
from mission_core.models.gait.network import GaitNetwork
from mission_core.models.learning import MatchingTraining
from mission_core.models.pictures.network import PictureNetwork
from mission_core.models.reid.model import CHUNK, ReidModel
from mission_core.models.reid.search import EXACT_UP_TO, PROPOSED, Found, Prepared, nearest, prepare, search
from mission_core.models.training import load_config, network_of
from mission_core.paths import cache_directory
from mission_core.train import restore
from mission_core.types import Float32Array, Float64Array

SIZES = (10, 30, 100, 300, 1000, 3000, 10_000)
TIMED = 15  # queries
TIMED_PAIRS = 3  # queries that are ranked pair by pair, which takes long
TAKES_AT_ONCE = 100  # of which what is read is kept in one file
PRECISION_FLOOR = 1e-6  # its logarithm is modelled


def main() -> None:
    """Measures, prints the table, and draws it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="directory of `mission train`, of a gait network")
    parser.add_argument("--cache", type=Path, default=cache_directory() / "gallery_size")
    parser.add_argument("--plot", type=Path, help="file to draw the costs into")
    options = parser.parse_args()
    torch.set_num_threads(1)
    network, config = trained(options.run)
    with tempfile.TemporaryDirectory() as directory, torch.inference_mode():
        model = write_model(network, config.name, Path(directory), {})
        queries, truth, tested = test_people(model, network, options.cache)
        straight = build(*plans(config.data)[0], default_root())
        learnt = merged(network, *camera_evidence(network, straight, options.cache))
        features = np.concatenate((tested, learnt, drawn(learnt, SIZES[-1] - len(tested) - len(learnt))))
        print(f"{len(queries)} queries; {len(tested)} test people, {len(learnt)} of the population, others drawn")
        faithful(model, queries, truth, features, len(tested) + len(learnt))
        costs = [measure(model, queries, features[:people]) for people in track(SIZES, "measuring", transient=True)]
    table(costs)
    if options.plot:
        draw(costs, options.plot)


# --- the gallery ------------------------------------------------------------------------------------------------------


def trained(run: Path) -> tuple[GaitNetwork, MatchingTraining]:
    """The network of a training run, and its settings."""
    config, path = load_config(run / "config.yaml"), run / "best.pt"
    if not isinstance(config, MatchingTraining) or config.method != "gait":
        raise SystemExit(f"{run} is no run of a gait network: what others encode is not normal, and none is drawn")
    saved = torch.load(path, map_location="cpu", weights_only=True)
    network = network_of(config)
    assert isinstance(network, GaitNetwork)
    restore(network, saved["network"], path)
    if not saved.get("calibrated"):
        print(f"{path} is not calibrated: probabilities mean nothing yet")
    return network.eval(), config


def test_people(
    model: ReidModel, network: GaitNetwork, cache: Path
) -> tuple[torch.Tensor, NDArray[np.int64], Float32Array]:
    """Evidence of the radar's takes (Q, 2, D), whose they are (Q,), and merged evidence (P, 2, D) of the camera's."""
    made = cohort(model.frame_rate)
    people = read_walks(made, rate=model.frame_rate)
    index = {person.seed: number for number, person in enumerate(people)}
    test = protocol(people, model.num_frames, model.num_points)
    queries = torch.cat([model.encode_radar([clip]) for clip in track(test.queries, "radar", transient=True)])
    evidence, seeds = camera_evidence(network, made, cache)
    known = np.isin(seeds, list(index))
    return queries, test.truth, merged(network, evidence[torch.from_numpy(known)], seeds[known])


def camera_evidence(network: GaitNetwork, made: DataSet, cache: Path) -> tuple[torch.Tensor, NDArray[np.int64]]:
    """Evidence (K, 2, D) of the middle of all takes of the camera, and the seeds (K,) of whom they show."""
    digest = hashlib.sha256(made.directory.name.encode())
    for values in network.pictures.state_dict().values():
        digest.update(values.numpy().tobytes())
    cache.mkdir(parents=True, exist_ok=True)
    infos = sorted((info for info in made.infos if info.sensor == "camera"), key=lambda info: info.take_id)
    evidence, seeds = [], []
    for start in track(range(0, len(infos), TAKES_AT_ONCE), f"camera, {made.name}", transient=True):
        path = cache / f"{made.name}-{digest.hexdigest()[:12]}-{start:05d}.npz"
        if not path.is_file():
            partial = path.with_suffix(".partial")
            with partial.open("wb") as file:
                np.savez(file, **looked_at(network.pictures, made, infos[start : start + TAKES_AT_ONCE]))
            partial.replace(path)
        with np.load(path) as kept:
            evidence.append(
                network.encode_seen(torch.from_numpy(kept["seen"]).float(), torch.from_numpy(kept["geometry"]))
            )
            seeds.append(kept["seeds"])
    return torch.cat(evidence), np.concatenate(seeds)


def looked_at(pictures: PictureNetwork, made: DataSet, infos: Sequence[TakeInfo]) -> dict[str, NDArray[Any]]:
    """What the picture network reads (K, T, S) of the middle of takes, its geometry (K, T, 4), and whose they are."""
    seen, geometry, seeds = [], [], []
    for info in infos:
        take = made.take(info.take_id)
        assert isinstance(take, CameraTake)
        _, frames, _ = resample(take.stamps_ns)
        if len(frames) < SNIPPET_FRAMES:
            continue
        start = middle(len(frames), SNIPPET_FRAMES)
        frames = frames[start : start + SNIPPET_FRAMES]
        read = pictures(torch.from_numpy(take.crops[frames]), torch.from_numpy(take.geometry[frames]))
        seen.append(read.numpy().astype(np.float16))
        geometry.append(take.geometry[frames])
        seeds.append(info.person_seed)
    return {"seen": np.stack(seen), "geometry": np.stack(geometry), "seeds": np.array(seeds)}


def merged(network: GaitNetwork, evidence: torch.Tensor, seeds: NDArray[np.int64]) -> Float32Array:
    """What the camera's takes tell of each person, (P, 2, D), in the order of their seeds."""
    people, owner = np.unique(seeds, return_inverse=True)
    return network.merge(evidence, torch.from_numpy(owner), len(people)).numpy()


def drawn(people: Float32Array, number: int) -> Float32Array:
    """Further people (number, 2, D) from a normal model of some people's (P, 2, D) information and log precision."""
    values = np.concatenate((people[:, 0], np.log(people[:, 1].clip(PRECISION_FLOOR))), axis=1).astype(np.float64)
    rows = np.random.default_rng(0).multivariate_normal(values.mean(axis=0), np.cov(values, rowvar=False), number)
    information, precision = np.split(rows, 2, axis=1)
    return np.stack((information, np.exp(precision)), axis=1).astype(np.float32)


# --- is it faithful? --------------------------------------------------------------------------------------------------


def faithful(
    model: ReidModel, queries: torch.Tensor, truth: NDArray[np.int64], features: Float32Array, people: int
) -> None:
    """Prints how far proposing agrees with measuring everybody in a gallery whose first `people` are not drawn."""
    gallery = with_signatures(model, features)
    assert gallery.signatures is not None
    recall: dict[int, list[float]] = {1: [], 5: [], 20: []}
    places, changed, unlisted, simulated = [], [], [], []
    firsts = {"exact": 0, "proposed": 0}
    for query, person in zip(track(queries, "comparing", transient=True), truth.tolist(), strict=True):
        found, exact = (search(model, query[None], each)[0] for each in (gallery, replace(gallery, signatures=None)))
        for k, values in recall.items():
            values.append(float(np.isin(exact.people[:k], found.people).mean()))
        simulated.append(float((exact.people[:20] < people).mean()))
        likeness = model.likeness(query[None], gallery.signatures)[0]
        places.append(int((likeness > likeness[exact.people[:5]].min()).sum()) + 1)
        share = np.zeros(len(features))
        share[exact.people] = exact.probabilities
        changed.append(float(np.abs(found.probabilities - share[found.people]).max()))
        others = np.setdiff1d(exact.people, found.people)
        unlisted.append((found.unknown, exact.unknown + float(share[others].sum()), exact.unknown))
        firsts["exact"] += exact.people[0] == person
        firsts["proposed"] += found.people[0] == person
    print(f"\nof {len(features)} people, {PROPOSED} proposed:")
    for k, values in recall.items():
        print(f"  recall of the exact top-{k}: {np.mean(values):.2%}, of the worst query {min(values):.0%}")
    print(f"  proposals that would do for the exact top-5: median {np.median(places):.0f}, most {max(places)}")
    print(f"  largest change of a proposed person's probability: {max(changed):.4f}, median {np.median(changed):.4f}")
    named, true, nobody = np.mean(unlisted, axis=0)
    error = max(abs(row[0] - row[1]) for row in unlisted)
    print(f'  "unknown": {named:.3f}, exactly {true:.3f} (nobody enrolled: {nobody:.3f}); largest error {error:.3f}')
    print(
        f"  people who are not drawn: {people / len(features):.1%} of all, {np.mean(simulated):.1%} of the exact top-20"
    )
    told = ", ".join(f"{way} {count / len(queries):.1%}" for way, count in firsts.items())
    print(f"  the true person first, among people who are mostly drawn: {told}")


def with_signatures(model: ReidModel, features: Float32Array) -> Prepared:
    """A gallery of one entry a person of any size, ready to be searched by proposals."""
    return Prepared(features, np.arange(len(features)), model.signatures(features))


# --- what it costs ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Costs:
    """CPU times in a gallery of some size, NaN where there is nothing to propose.

    Attributes:
        people: enrolled.
        ways: median of ranking one query [s], by way.
        setup: of making the merged evidence of everybody ready [s].
        entry: bytes of an entry, and of its signature.
    """

    people: int
    ways: dict[str, float]
    setup: float
    entry: tuple[int, int]


def measure(model: ReidModel, queries: torch.Tensor, features: Float32Array) -> Costs:
    """Ranks queries in all ways, in turn, so that whatever else the machine does meets all of them."""
    owner = np.arange(len(features))
    setup, gallery = [], with_signatures(model, features)
    for _ in range(3):
        begin = time.process_time()
        prepare(model, features, owner)
        setup.append(time.process_time() - begin)
    everybody = replace(gallery, signatures=None)
    ways: dict[str, Callable[[torch.Tensor], list[Found]]] = {
        "pairs": lambda radar: ranked_by_pairs(model, radar, everybody),
        "exact": lambda radar: search(model, radar, everybody),
        "proposed": lambda radar: search(model, radar, gallery),
    }
    if len(features) <= PROPOSED:
        del ways["proposed"]
    spent: dict[str, list[float]] = {way: [] for way in ways}
    chosen = queries[:: max(1, len(queries) // TIMED)][:TIMED]
    for number, query in enumerate(chosen):
        for way, rank in ways.items():
            if way == "pairs" and number >= TIMED_PAIRS and len(features) > CHUNK:
                continue
            begin = time.process_time()
            rank(query[None])
            spent[way].append(time.process_time() - begin)
    medians = {way: float(np.median(values)) for way, values in spent.items()}
    sizes = (features[0].nbytes, 0 if gallery.signatures is None else gallery.signatures[0].nbytes)
    return Costs(len(features), medians, float(np.median(setup)), sizes)


def ranked_by_pairs(model: ReidModel, radar: torch.Tensor, gallery: Prepared) -> list[Found]:
    """As `search`, with a call of the network for each person."""
    apart: Float64Array = np.concatenate([model.compare(radar, entry[None]) for entry in gallery.entries], axis=1)
    best, distances = nearest(apart, gallery.owner)
    likely = model.probabilities(distances)[0]
    order = np.argsort(-likely[:-1], kind="stable")
    return [Found(order, best[0, order], distances[0, order], likely[order], float(likely[-1]))]


def table(costs: Sequence[Costs]) -> None:
    """Prints what was measured."""
    print(f"\nCPU time of ranking one query, one core, medians; {PROPOSED} proposed of more than {EXACT_UP_TO}")
    print("| people | pairs | exact | proposed | exact : pairs | proposed : pairs | proposed : exact | set-up |")
    print("|---|---|---|---|---|---|---|---|")
    for row in costs:
        pairs, exact = row.ways["pairs"], row.ways["exact"]
        proposed = row.ways.get("proposed", np.nan)
        cells = [f"{1e3 * value:.2f} ms" for value in (pairs, exact, proposed)]
        cells += [f"{value:.4f}" for value in (exact / pairs, proposed / pairs)]
        cells += [f"{proposed / exact:.2f}", f"{1e3 * row.setup:.1f} ms"]
        print(f"| {row.people} | {' | '.join('–' if 'nan' in cell else cell for cell in cells)} |")
    entry, signature = costs[-1].entry
    print(f"memory of a person: {entry} B of evidence, {signature} B of signature (in large galleries)")


def draw(costs: Sequence[Costs], path: Path) -> None:
    """Cost against size, as it is and as a ratio to that of pair by pair."""
    figure, (times, ratios) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    labels = {"pairs": "pair by pair", "exact": "everybody", "proposed": f"{PROPOSED} proposed, then measured"}
    for (way, label), colour in zip(labels.items(), ("0.5", "tab:blue", "tab:orange"), strict=True):
        rows = [row for row in costs if way in row.ways]
        people = [row.people for row in rows]
        times.loglog(people, [1e3 * row.ways[way] for row in rows], "o-", color=colour, label=label)
        ratios.loglog(people, [row.ways[way] / row.ways["pairs"] for row in rows], "o-", color=colour, label=label)
    times.set(xlabel="enrolled people", ylabel="CPU time to rank one query [ms]")
    ratios.set(xlabel="enrolled people", ylabel="cost as a ratio to pair by pair")
    for axis in (times, ratios):
        axis.axvline(EXACT_UP_TO, color="0.7", linestyle="--", label="above: people are proposed")
        axis.grid(alpha=0.4)
    times.legend(loc="upper left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    plt.close(figure)


if __name__ == "__main__":
    main()
