#!/usr/bin/env python3
"""Writes the sample files of this folder; needs only Python 3.

The same numbers come out each time: the generator is seeded and its stream
is fixed by Python. The bytes of packed files may differ with the version of
zlib; what they hold does not.
"""

import gzip
import io
import json
import pathlib
import random
import struct
import zipfile

FOLDER = pathlib.Path(__file__).resolve().parent


def write(name, content):
    """Writes a file, packed without a time where the name ends in .gz."""
    if name.endswith(".gz"):
        content = gzip.compress(content, 9, mtime=0)
    (FOLDER / name).write_bytes(content)


def bar(kind, side, rng):
    """Draws a bar: 0 horizontal, 1 vertical, 2 falling, 3 rising, 4 a cross.

    Returns side * side levels from 0 to 4. Position and level vary, and a few
    pixels are flipped.
    """
    place = rng.randrange(side // 4, 3 * side // 4)
    level = rng.randrange(2, 5)
    image = [0] * (side * side)
    for y in range(side):
        for x in range(side):
            near = {
                0: abs(y - place) < 2,
                1: abs(x - place) < 2,
                2: abs(x - y + place - side // 2) < 2,
                3: abs(x + y - place - side // 2) < 2,
                4: abs(y - place) < 2 or abs(x - place) < 2,
            }[kind]
            if near:
                image[y * side + x] = level
    for _ in range(6):
        image[rng.randrange(side * side)] = rng.randrange(5)
    return image


def idx(dimensions, content):
    """Formats bytes as an IDX file of unsigned bytes."""
    header = struct.pack(">BBBB", 0, 0, 8, len(dimensions))
    return header + b"".join(struct.pack(">I", d) for d in dimensions) + content


def write_idx():
    rng = random.Random(1)
    for name, count in (("train", 200), ("test", 50)):
        labels = [i % 5 for i in range(count)]
        pixels = bytes(60 * value for label in labels
                       for value in bar(label, 28, rng))
        write(f"bars-{name}-images-idx3-ubyte.gz", idx([count, 28, 28], pixels))
        write(f"bars-{name}-labels-idx1-ubyte.gz", idx([count], bytes(labels)))


def write_cifar():
    """Classes 0 to 4 are bars in red, 5 to 9 the same in blue."""
    rng = random.Random(2)
    for name, count in (("train", 120), ("test", 30)):
        records = bytearray()
        for i in range(count):
            label = i % 10
            plane = bytes(60 * value for value in bar(label % 5, 32, rng))
            dark = bytes(len(plane))
            records.append(label)
            records += (plane + dark + dark if label < 5 else
                        dark + dark + plane)
        write(f"bars-cifar-{name}.bin.gz", bytes(records))


def write_leaf():
    """Eight writers, each with a lean towards some of the five bars."""
    rng = random.Random(3)
    for name, count in (("train", 16), ("test", 4)):
        users = [f"writer_{i}" for i in range(8)]
        data = {}
        for i, user in enumerate(users):
            labels = [(i + rng.randrange(3)) % 5 for _ in range(count)]
            data[user] = {
                "x": [[value / 4 for value in bar(label, 28, rng)]
                      for label in labels],
                "y": labels,
            }
        text = json.dumps({"users": users, "num_samples": [count] * len(users),
                           "user_data": data}, separators=(",", ":"))
        write(f"bars-leaf-{name}.json.gz",
              text.replace("0.0", "0").replace("1.0", "1").encode())


def write_csv():
    """Machines in five workshops; some break down within a month."""
    rng = random.Random(4)
    lines = ["workshop,age_years,load_percent,temperature,oil,breakdown"]
    for workshop in ("north", "south", "east", "west", "harbour"):
        heat = rng.uniform(-8, 8)
        for _ in range(60):
            age = rng.uniform(0, 20)
            load = rng.uniform(20, 100)
            temperature = 40 + 0.4 * load + heat + rng.gauss(0, 4)
            oil = rng.choice(("mineral", "synthetic"))
            risk = (age / 10 + (temperature - 65) / 15 +
                    (0.5 if oil == "mineral" else -0.5) + rng.gauss(0, 0.7))
            shown = "" if rng.random() < 0.04 else f"{temperature:.1f}"
            lines.append(f"{workshop},{age:.1f},{load:.0f},{shown},{oil},"
                         f"{'yes' if risk > 1 else 'no'}")
    write("breakdowns.csv", ("\n".join(lines) + "\n").encode())


def write_tsv():
    """Six speakers, each with some words of its own."""
    rng = random.Random(5)
    words = {
        "ada": (["a loom", "an engine", "a card"], ["weaves", "counts"]),
        "ben": (["the bell", "the boat", "the barn"], ["rings", "rocks"]),
        "cleo": (["one cat", "one cook", "one crow"], ["calls", "climbs"]),
        "dora": (["a drum", "a door", "a dog"], ["booms", "opens"]),
        "emil": (["the elm", "the egg", "the east"], ["waits", "turns"]),
        "fay": (["one fern", "one fox", "one fire"], ["grows", "glows"]),
    }
    endings = ("at noon", "in the rain", "by the gate", "all night")
    lines = []
    for _ in range(40):
        for speaker, (things, verbs) in words.items():
            lines.append(f"{speaker}\t{rng.choice(things)} {rng.choice(verbs)}"
                         f" {rng.choice(endings)}.")
    write("sayings.tsv", ("\n".join(lines) + "\n").encode())


def npy(dtype, shape, content):
    """Formats an array of numpy, version 1.0."""
    text = (f"{{'descr': '{dtype}', 'fortran_order': False, "
            f"'shape': ({', '.join(map(str, shape))},), }}")
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) +
            text.encode("latin1") + content)


def write_npz():
    """Eight steps of i -> i + stride modulo 12; the target is the ninth."""
    rng = random.Random(6)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        def add(name, content):
            archive.writestr(
                zipfile.ZipInfo(name + ".npy", (1980, 1, 1, 0, 0, 0)), content,
                zipfile.ZIP_DEFLATED)

        for name, count in (("train", 300), ("test", 60)):
            tokens, targets = [], []
            for _ in range(count):
                start, stride = rng.randrange(12), rng.randrange(1, 4)
                steps = [(start + k * stride) % 12 for k in range(9)]
                tokens += steps[:8]
                targets.append(steps[8])
            add(f"x_{name}", npy("|u1", [count, 8], bytes(tokens)))
            add(f"y_{name}", npy("|u1", [count], bytes(targets)))
    write("clock.npz", packed.getvalue())


if __name__ == "__main__":
    write_idx()
    write_cifar()
    write_leaf()
    write_csv()
    write_tsv()
    write_npz()
