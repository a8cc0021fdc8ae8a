"""Draws the past repairs of an appliance from its `world.py`, a stated process that differs from the expert's fault tree.

    python3 datasets/draw_repairs.py datasets/split_air_conditioner      # rewrites repairs.jsonl there

Standard library only, seeded. The process, the same for every appliance:

1. the weight of a cause is its expert probability × the lifts of LIFTS, by model, region, season, age and year of make;
2. one cause stands behind a ticket, in 8 % of the tickets two;
3. a customer reports each symptom with his own habit (REPORT), not with the tree's probabilities; 3 % say a symptom that has nothing to
   do with the cause (STRAY), and every fifth denies another where one is customary (DENIED);
4. in 12 % of the tickets that need a part a wrong one was taken, of a cause with a symptom in common, and a second
   visit with the right one follows;
5. some rows lack `cause`: every visit that did not fix the fault, and others by chance (KNOWN).

What a `world.py` must define (tables only, and conditions `lambda r: …` on the situation of a visit, see below):

- PRODUCT_LINE, BRAND, SERIAL (what serial numbers begin with), ROWS, SEED;
- MODELS {model: share}; YEARS [year, …]; AGES (youngest, oldest) in years; MONTHS, twelve weights, January first;
- REGIONS {county code of GB/T 2260: (name, weight, "words that say what the place is like")};
- LIFTS [(event, factor, condition)]: each that holds multiplies the weight of the event; factor 0 keeps an event from being drawn;
- REPORT {event: ([(symptom, probability), …], [(code, probability), …])}; events without an entry are never drawn, the first symptom is
  said where chance brings nothing up, and codes that the tree does not give to the model are left out;
- DENIED {symptom said: (symptom denied, "words")}; STRAY [symptom, …];
- SAID_INSTEAD [((symptom, …), symptom, condition)]: where the condition holds the first are reported as the second;
- words of a ticket: OPENERS, SINCE, UNKNOWN and NO_PARTS (whole phrases, may hold ""), and with `{}` for what they are about CODE_SAYINGS (codes),
  FINDS (cause), DONES and FAILED (parts);
- KNOWN, the share of the visits that fixed the fault whose row states the cause.

A situation has `model`, `region`, `place` (the region's words, a list), `month`, `summer` (June–August), `winter` (December–February),
`age_years`, `made_year` and `date`.
"""

import datetime
import fnmatch
import importlib.util
import json
import pathlib
import random
import sys
import tomllib

SECOND_CAUSE, STRAY_SYMPTOM, DENIES, WRONG_PART = 0.08, 0.03, 0.2, 0.12


def load_world(root):
    sys.dont_write_bytecode = True
    spec = importlib.util.spec_from_file_location("world", root / "world.py")
    world = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(world)
    return world


class Appliance:
    """A folder's parts list, fault tree and world."""

    def __init__(self, root):
        self.world = load_world(root)
        tree = tomllib.loads((root / "fault-tree.toml").read_text(encoding="utf-8"))
        bom = tomllib.loads((root / "bom.toml").read_text(encoding="utf-8"))
        self.parts = {part["part_number"]: part for part in bom["part"]}
        self.events = {event["id"]: event for event in tree["event"]}
        self.phrases = {symptom["id"]: symptom["phrases"] for symptom in tree["symptom"]}
        self.code_models = {code["code"]: code["models"] for code in tree["fault_code"]}

    def weights(self, here):
        weights = {name: event["probability"] for name, event in self.events.items() if name in self.world.REPORT}
        for cause, lift, holds in self.world.LIFTS:
            if cause in weights and holds(here):
                weights[cause] *= lift
        return weights

    def parts_for(self, event, model):
        """The parts of a repair that fit the model: an event lists those of all models."""
        return [dict(repair) for repair in self.events[event]["repaired_by"] if fits(model, self.parts[repair["part_number"]]["fits"])]


def fits(model, globs):
    return any(fnmatch.fnmatch(model, glob) for glob in globs)


def pick(rng, weights):
    """One key of {key: weight}, drawn in proportion."""
    names = list(weights)
    return rng.choices(names, [weights[name] for name in names])[0]


def one_of(rng, phrases):
    return rng.choice(phrases) if len(phrases) > 1 else phrases[0]


def situation(rng, world):
    """Model, place, day and age of one visit."""
    region = pick(rng, {code: row[1] for code, row in world.REGIONS.items()})
    month = pick(rng, dict(zip(range(1, 13), world.MONTHS)))
    year = rng.choice(world.YEARS)
    model, age_years = pick(rng, world.MODELS), rng.randint(*world.AGES)
    return {
        "model": model, "region": region, "place": world.REGIONS[region][2].split(), "month": month,
        "summer": month in (6, 7, 8), "winter": month in (12, 1, 2), "age_years": age_years, "made_year": year - age_years,
        "date": datetime.date(year, month, rng.randint(1, 28)),
    }


def report(rng, appliance, causes, here):
    """What the customer says: symptoms present, now and then one denied, and codes."""
    world, present, codes = appliance.world, [], []
    for cause in causes:
        said, shown = world.REPORT[cause]
        present += [symptom for symptom, chance in said if rng.random() < chance]
        codes += [code for code, chance in shown if rng.random() < chance and fits(here["model"], appliance.code_models[code])]
    if not present and not codes:
        present = [world.REPORT[causes[0]][0][0][0]]
    if rng.random() < STRAY_SYMPTOM:
        present.append(rng.choice(world.STRAY))
    for symptoms, instead, holds in world.SAID_INSTEAD:
        if holds(here):
            present = [instead if symptom in symptoms else symptom for symptom in present]
    present = list(dict.fromkeys(present))
    denied = world.DENIED.get(present[0]) if present and rng.random() < DENIES else None
    if denied and denied[0] in present:
        denied = None
    return present, denied, list(dict.fromkeys(codes))


def words(rng, appliance, present, denied, codes, cause, used, fixed):
    """The ticket as a network writes it: what the customer said, what was found, what was done."""
    world = appliance.world
    said = "，".join(rng.choice(appliance.phrases[symptom]) for symptom in present)
    if denied:
        said += f"，{denied[1]}"
    if codes:
        shown = one_of(rng, world.CODE_SAYINGS).format("、".join(codes))
        said = f"{said}，{shown}" if said else shown
    found = one_of(rng, world.FINDS).format(appliance.events[cause]["name"]) if cause else one_of(rng, world.UNKNOWN)
    names = "、".join(dict.fromkeys(appliance.parts[part["part_number"]]["name"].split(" ")[0] for part in used))
    done = one_of(rng, (world.DONES if names else world.NO_PARTS) if fixed else world.FAILED).format(names)
    pieces = [one_of(rng, world.OPENERS) + one_of(rng, world.SINCE) + said, found, done]
    return "。".join(piece for piece in pieces if piece) + "。"


def ticket(rng, number, appliance):
    """The row or rows of one ticket."""
    world, here = appliance.world, situation(rng, appliance.world)
    weights, model, date = appliance.weights(here), here["model"], here["date"]
    causes = [pick(rng, weights)]
    if rng.random() < SECOND_CAUSE:
        causes = list(dict.fromkeys(causes + [pick(rng, weights)]))
    present, denied, codes = report(rng, appliance, causes, here)
    right = []
    for cause in causes:
        right += [part for part in appliance.parts_for(cause, model) if part not in right]
    serial = f"{world.SERIAL}{here['made_year']:04d}{rng.randint(1, date.month):02d}{rng.randint(0, 999999):06d}"
    visits = [(date, right, True)]
    if right and rng.random() < WRONG_PART:
        similar = [name for name in appliance.events
                   if name in world.REPORT and name not in causes and set(dict(world.REPORT[name][0])) & set(present)]
        wrong = [part for name in similar for part in appliance.parts_for(name, model)]
        if wrong:
            visits = [(date, [rng.choice(wrong)], False), (date + datetime.timedelta(days=rng.randint(1, 5)), right, True)]
    rows = []
    for visit, (day, used, fixed) in enumerate(visits, 1):
        row = {"ticket_id": f"R{date:%y%m%d}-{number:04d}", "visit": visit, "product_line": world.PRODUCT_LINE, "brand": world.BRAND,
               "model": model, "serial": serial}
        row["symptoms"] = [{"id": symptom, "present": True} for symptom in present]
        if denied:
            row["symptoms"].append({"id": denied[0], "present": False})
        row["fault_codes"], row["parts_used"] = codes, used
        cause = causes[0] if fixed and rng.random() < world.KNOWN else None
        if cause:
            row["cause"] = cause
        row["text"] = words(rng, appliance, present, denied, codes, cause, used, fixed)
        row["fixed"], row["region"], row["date"] = fixed, here["region"], day.isoformat()
        rows.append(row)
    return rows


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1])
    appliance = Appliance(root)
    rng, rows, number = random.Random(appliance.world.SEED), [], 0
    while len(rows) < appliance.world.ROWS:
        number += 1
        rows += ticket(rng, number, appliance)
    rows = sorted(rows[:appliance.world.ROWS], key=lambda row: (row["date"], row["ticket_id"], row["visit"]))
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (root / "repairs.jsonl").write_text(text, encoding="utf-8")
    print(f"{len(rows)} rows, {sum('cause' not in row for row in rows)} without a cause")


if __name__ == "__main__":
    main()
