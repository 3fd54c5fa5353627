"""benches/table.py FOLDER: one table of what each program of a run printed, with ratios to the whole mapping."""

import re
import sys
from pathlib import Path

SIZES = ["small", "middle", "large"]
UNITS = {"ns": 1, "µs": 1e3, "ms": 1e6}
folder = Path(sys.argv[1])


def of_divan(name):
    """The fastest time of each bench, in nanoseconds: what else the machine does only adds."""
    found, bench = {}, ""
    path = folder / name
    for line in path.read_text().splitlines() if path.exists() else []:
        named = re.match(r"^[├╰]─ (\w+)", line)
        bench = named[1] if named else bench
        row = re.match(r"^[│ ]+[├╰]─ (\w+) +([\d.]+) (ns|µs|ms) ", line)
        if row and row[1] in SIZES:
            found[bench, row[1]] = float(row[2]) * UNITS[row[3]]
    return found


def of_node():
    path = folder / "node"
    rows = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    return {(what, size): float(spent) for what, size, spent in rows}


def allocated():
    """How many pieces of memory a whole mapping takes: the number under `alloc:`."""
    found, size, is_next = {}, "", False
    for line in (folder / "allocations").read_text().splitlines():
        row = re.match(r"^[│ ]+[├╰]─ (\w+) ", line)
        size = row[1] if row and row[1] in SIZES else size
        if is_next:
            number = re.search(r"([\d.]+)", line)
            found.setdefault(size, number[1] if number else "")
        is_next = re.search(r"\balloc:", line) is not None
    return found


ours, vrl, node = of_divan("mapping"), of_divan("vrl"), of_node()
rows = [(f"jackfield: {what}", {size: ours.get((what, size)) for size in SIZES})
        for what in ["decode", "extract", "template", "body", "validate", "whole"]]
rows.append(("VRL: whole, no schema", {size: vrl.get(("whole", size)) for size in SIZES}))
rows.append(("Node and ajv: whole", {size: node.get(("whole", size)) for size in SIZES}))
rows.append(("serde_json alone", {size: ours.get(("floor", size)) for size in SIZES}))
rows.append(("JSON in Node alone", {size: node.get(("floor", size)) for size in SIZES}))

print()
print(f"{'µs, and times the whole mapping':34}" + "".join(f"{size:>18}" for size in SIZES))
for name, spent in rows:
    cells = ""
    for size in SIZES:
        time, whole = spent[size], ours.get(("whole", size))
        cells += f"{time / 1e3:10.2f}  {time / whole:5.2f}x" if time and whole else f"{'-':>18}"
    print(f"{name:34}{cells}")
a_second = {size: 1e9 / ours["whole", size] for size in SIZES if ("whole", size) in ours}
print(f"{'mappings a second, one core':34}" + "".join(f"{a_second.get(size, 0):18,.0f}" for size in SIZES))
print(f"{'allocations of a mapping':34}" + "".join(f"{allocated().get(size, '-'):>18}" for size in SIZES))
