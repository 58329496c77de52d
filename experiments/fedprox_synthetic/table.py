#!/usr/bin/env python3
"""Prints the table of fedprox_synthetic from its run directories.

Mean over the last ten rounds of the accuracy pooled over devices (per cent)
and of the pooled training loss; then the mean and the standard deviation over
the generated data sets, and paired differences on the same data set.
"""
import glob
import json
import os
import statistics
import sys

ROWS = [("fedavg_drop0", "FedAvg, drop 0"),
        ("prox1_drop0", "FedProx mu=1, drop 0"),
        ("fedavg_drop50", "FedAvg, drop 50%"),
        ("prox0_drop50", "FedProx mu=0, drop 50%"),
        ("prox1_drop50", "FedProx mu=1, drop 50%"),
        ("fedavg_drop90", "FedAvg, drop 90%"),
        ("prox0_drop90", "FedProx mu=0, drop 90%"),
        ("prox1_drop90", "FedProx mu=1, drop 90%")]
ACCURACY = "clients/test/accuracy/weighted_mean"
LOSS = "clients/train/loss/weighted_mean"
STD = "clients/test/accuracy/std"


def last_ten(path):
    with open(path) as file:
        lines = [line for line in map(json.loads, file)
                 if line["event"] == "round"][-10:]
    return [statistics.fmean(line[name] for line in lines)
            for name in (ACCURACY, LOSS, STD)]


def is_done(metrics):
    with open(os.path.join(os.path.dirname(metrics), "status.json")) as file:
        return json.load(file)["state"] == "done"


def mean_and_deviation(values):
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return "%.1f+-%.1f" % (statistics.fmean(values), deviation)


def read(output):
    results = {}
    for folder in glob.glob(os.path.join(output, "*-s*", "*")):
        files = glob.glob(os.path.join(folder, "*", "*", "metrics.jsonl"))
        if len(files) == 1 and is_done(files[0]):
            group, row = folder.split(os.sep)[-2:]
            data, draw = group.split("-s")
            results[row, data, int(draw)] = last_ten(files[0])
    return results


def main(output):
    results = read(output)
    draws = {data: sorted({d for _, s, d in results if s == data})
             for data in "01"}
    print("| test acc / train loss | Synthetic(0,0) | Synthetic(1,1) |")
    print("|---|---|---|")
    for row, title in ROWS:
        cells = []
        for data in "01":
            found = [results[row, data, d] for d in draws[data]
                     if (row, data, d) in results]
            cells.append("-" if not found else "%s / %.2f" % (
                mean_and_deviation([100 * f[0] for f in found]),
                statistics.fmean(f[1] for f in found)))
        print("| %s | %s |" % (title, " | ".join(cells)))
    for drop in ("0", "90"):
        cells = []
        for data in "01":
            pairs = [100 * (results["prox1_drop" + drop, data, d][0] -
                            results["fedavg_drop" + drop, data, d][0])
                     for d in draws[data]
                     if ("prox1_drop" + drop, data, d) in results
                     and ("fedavg_drop" + drop, data, d) in results]
            cells.append("-" if not pairs else "%s (%d/%d positive)" % (
                mean_and_deviation(pairs), sum(p > 0 for p in pairs),
                len(pairs)))
        print("| paired, mu=1 minus FedAvg, drop %s%s | %s |" % (
            drop, "" if drop == "0" else "%", " | ".join(cells)))
    cells = []
    for data in "01":
        spreads = [statistics.fmean(100 * results[row, data, d][2]
                                    for d in draws[data]
                                    if (row, data, d) in results)
                   for row in ("fedavg_drop0", "prox1_drop0")
                   if any((row, data, d) in results for d in draws[data])]
        cells.append(" -> ".join("%.0f" % s for s in spreads))
    print("| std of device accuracy (points), FedAvg -> mu=1 | %s |" %
          " | ".join(cells))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "runs/fedprox_synthetic")
