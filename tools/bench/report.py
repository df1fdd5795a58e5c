#!/usr/bin/env python3
"""The HTML page of a comparison: ratios, a table, rooflines. It needs no other file and no network.

    tools/bench/report.py COMPARISON.json PAGE.html      (or compare_models.py --html PAGE.html)

A roofline shows each kernel by its arithmetic intensity (operations per byte it has to move) and its speed, under the
limits that the machine sets: the multiply-add peak, and bandwidth times intensity. What a profile does not say (bytes of a
kernel, the measured peaks) is not drawn, and the page says so.
"""

import html
import json
import math
import pathlib
import sys

import plotly.graph_objects
import plotly.io

STYLE = """body { font-family: sans-serif; margin: 2em; color: #222 } table { border-collapse: collapse; font-size: 0.9em }
th, td { padding: 0.25em 0.7em; text-align: right; border-bottom: 1px solid #ddd } th:first-child, td:first-child, td.text { text-align: left }
.wrong { color: #b00 }"""
MEAN = "geometric mean"


def page(comparison: dict) -> str:
    """The page as text; `comparison` is what compare_models.py writes as JSON."""
    results = comparison["models"]
    threads = list(dict.fromkeys(result["threads"] for result in results))
    peers = list(comparison["peers"])
    versions = ", ".join(f"{peer} {version}" for peer, version in {"Tenon": comparison["tenon"], **comparison["peers"]}.items())
    parts = [f"<p>{html.escape(comparison['processor'])}. {html.escape(versions)}.</p>", "<h2>The best peer's time over Tenon's</h2>",
             figure(ratio_chart(comparison, threads), first=True), "<h2>Times</h2>", table(results, peers)]
    for number in threads:
        profiles = {result["model"] + (f" case {result['case']}" if result["case"] else ""): result["profile"]
                    for result in results if result["threads"] == number and "profile" in result}
        if profiles:
            parts += [f"<h2>Kernels, {plural(number)}</h2>", roofline(profiles)]
    return ("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Tenon and its peers</title>"
            f"<style>{STYLE}</style></head><body><h1>Tenon and its peers</h1>\n" + "\n".join(parts) + "\n</body></html>\n")


def plural(threads: int) -> str:
    return f"{threads} thread{'s' if threads > 1 else ''}"


def figure(chart, first: bool = False) -> str:
    """The library comes with the first chart of the page."""
    return plotly.io.to_html(chart, full_html=False, include_plotlyjs=first, config={"displaylogo": False})


def ratio_chart(comparison: dict, threads: list[int]):
    """Bars per model and number of threads, on a scale where half and twice are as far from 1; models that failed, were
    wrong, or have no peer that is right are left out."""
    chart = plotly.graph_objects.Figure()
    for number in threads:
        mine = [result for result in comparison["models"] if result["threads"] == number and result.get("correct") and result["best_peer"]]
        names = [label(result) for result in mine]
        ratios = [result["ratio"] for result in mine]
        below, above = [r["ratio"] - r["ratio_low"] for r in mine], [r["ratio_high"] - r["ratio"] for r in mine]
        notes = [f"best peer: {html.escape(result['best_peer'])}" for result in mine]
        mean = comparison["geometric_mean"][str(number)]
        if mean["ratio"] is not None:
            names, ratios, below, above = [*names, MEAN], [*ratios, mean["ratio"]], [*below, 0], [*above, 0]
            notes.append(f"over {mean['models']} of {mean['of']}")
        # From 1 up or down to the ratio.
        chart.add_bar(x=names, base=1, y=[ratio - 1 for ratio in ratios], name=plural(number), text=[f"{ratio:.2f}" for ratio in ratios], hovertext=notes,
                      error_y={"array": above, "arrayminus": below, "thickness": 1})
    chart.update_yaxes(type="log", title="ratio (above 1: Tenon is faster)")
    return chart


def label(result: dict) -> str:
    return html.escape(result["model"] + (f" case {result['case']}" if result["case"] else ""))


def table(results: list[dict], peers: list[str]) -> str:
    engines = [f"{engine} ms</th><th>&plusmn;</th><th>cpu" for engine in ["Tenon", *map(html.escape, peers)]]
    heads = ["model", "case", "threads", *engines, "ratio", "blocks", "GFLOP/s", "remarks"]
    rows = ["<tr><th>" + "</th><th>".join(heads) + "</th></tr>", *(table_row(result, peers) for result in results)]
    return ("<table>" + "\n".join(rows) + "</table>\n<p>Median times; &plusmn; is half the distance from the 10th to the 90th percentile; cpu is processor time "
            "over wall time; blocks are the least and the greatest ratio of a block of runs.</p>")


def table_row(result: dict, peers: list[str]) -> str:
    cells = [html.escape(result["model"]), str(result["case"]), str(result["threads"])]
    if "error" in result:
        empty = 3 * (len(peers) + 1) + 3
        return f"<tr><td>{'</td><td>'.join([*cells, *[''] * empty])}</td><td class=\"text wrong\">{html.escape(result['error'])}</td></tr>"
    for engine in ["tenon", *peers]:
        timing = result.get(engine)
        cells += [f"{timing['median_ms']:.4f}", f"{timing['spread']:.1%}", f"{timing['processors']:.2f}"] if timing else ["failed", "", ""]
    cells += [f"{result['ratio']:.2f}", f"{result['ratio_low']:.2f} to {result['ratio_high']:.2f}"] if result["best_peer"] else ["", ""]
    cells.append(speed_text(result.get("profile", {})))
    remarks = ([] if result["correct"] else [f"wrong: {result['reason']}"]) + [f"{peer} is wrong: {why}" for peer, why in result["wrong_peers"].items()]
    remarks += [f"{peer} failed: {why}" for peer, why in result["failed_peers"].items()]
    return f"<tr><td>{'</td><td>'.join(cells)}</td><td class=\"text wrong\">{html.escape('; '.join(remarks))}</td></tr>"


def speed_text(profile: dict) -> str:
    """Of the whole model, where its operations are known."""
    if "gflops" not in profile:
        return ""
    return f"{profile['gflops']:.1f}" + (f" ({profile['gflops'] / profile['peak_gflops']:.0%} of peak)" if profile.get("peak_gflops") else "")


def seconds_of(kernel: dict) -> float:
    return kernel.get("seconds") or kernel.get("microseconds", 0) / 1e6


def amount(kernel: dict, total: str, rate: str) -> float:
    """Operations or bytes of a run of a kernel, which a profile gives as a total or per second, in 10^9; 0 where it does neither."""
    return kernel.get(total) or 1e9 * kernel.get(rate, 0) * seconds_of(kernel)


def kernel_point(kernel: dict) -> tuple[float, float, float] | None:
    """Intensity (operations per byte), GFLOP/s and seconds of a kernel; None where the profile lacks one of them."""
    seconds, flops, moved = seconds_of(kernel), amount(kernel, "flops", "gflops"), amount(kernel, "bytes", "gbps")
    return (flops / moved, flops / seconds / 1e9, seconds) if seconds and flops and moved else None


def roofline(profiles: dict[str, dict]) -> str:
    """A chart, and what could not be drawn."""
    chart, points, left_out = plotly.graph_objects.Figure(), [], 0
    for model, profile in profiles.items():
        kernels = profile.get("kernels", [])
        drawn = [(kernel, point) for kernel in kernels if (point := kernel_point(kernel))]
        left_out += len(kernels) - len(drawn)
        if not drawn:
            continue
        whole = sum(map(seconds_of, kernels))
        notes = [f"{html.escape(kernel['name'])}<br>{html.escape(kernel.get('nodes', '')[:80])}<br>{seconds * 1e6:.1f} us, {seconds / whole:.1%} of the time"
                 for kernel, (_, _, seconds) in drawn]
        # Areas are shares of the model's time.
        sizes = [6 + 30 * math.sqrt(seconds / whole) for _, (_, _, seconds) in drawn]
        chart.add_scatter(x=[point[0] for _, point in drawn], y=[point[1] for _, point in drawn], mode="markers", name=html.escape(model), hovertext=notes,
                          marker={"size": sizes, "opacity": 0.6})
        points += [point for _, point in drawn]
    remarks = add_roofs(chart, profiles, points)
    if left_out:
        remarks.append(f"{left_out} kernels are not drawn: the profile does not say their operations and bytes (dynamic shapes, or nothing to count).")
    remarks += [f"{model}: {profile['error']}" for model, profile in profiles.items() if "error" in profile]
    chart.update_xaxes(type="log", title="operations per byte")
    chart.update_yaxes(type="log", title="GFLOP/s")
    drawing = figure(chart) if chart.data else ""
    return drawing + "".join(f"<p>{html.escape(remark)}</p>" for remark in remarks)


def add_roofs(chart, profiles: dict[str, dict], points: list[tuple[float, float, float]]) -> list[str]:
    """The limits of the machine: the greatest peaks that any run measured. Returns what is missing."""
    peak = max((profile["peak_gflops"] for profile in profiles.values() if profile.get("peak_gflops")), default=None)
    bandwidth = max((profile["peak_gbps"] for profile in profiles.values() if profile.get("peak_gbps")), default=None)
    left, right = min((point[0] for point in points), default=0.1) / 2, max((point[0] for point in points), default=100) * 2
    if peak and bandwidth:
        ridge = peak / bandwidth
        left, right = min(left, ridge / 2), max(right, ridge * 2)
        chart.add_scatter(x=[left, ridge, right], y=[bandwidth * left, peak, peak], mode="lines", line={"color": "#444"},
                          name=f"{peak:.0f} GFLOP/s, {bandwidth:.0f} GB/s")
        return []
    if peak:
        chart.add_scatter(x=[left, right], y=[peak, peak], mode="lines", line={"color": "#444"}, name=f"{peak:.0f} GFLOP/s")
        return ["The profile does not say the machine's bandwidth, so the roof has no slope."]
    return ["The profile does not say the machine's peaks, so there is no roof."]


def main() -> int:
    if len(sys.argv) != 3:
        raise SystemExit("usage: report.py COMPARISON.json PAGE.html")
    pathlib.Path(sys.argv[2]).write_text(page(json.loads(pathlib.Path(sys.argv[1]).read_text())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
