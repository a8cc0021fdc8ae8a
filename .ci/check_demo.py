"""The demo's JSON holds what acceptance asks for; says what is missing."""

import json
import pathlib
import sys


def problems(demo: dict) -> list[str]:
    found = []

    def need(condition: bool, what: str) -> None:
        if not condition:
            found.append(what)

    citations = demo.get("answer", {}).get("citations", [])
    need(bool(citations), "answer without a citation")
    need(all(c.get("title") and c.get("page") and c.get("quote") for c in citations), "citation without title, page or quote")
    need(bool(demo.get("refusal", {}).get("refusal", {}).get("reason")), "refusal without a reason")
    inspection = demo.get("inspection", {})
    need(bool(inspection.get("findings")), "inspection without findings")
    overlay = inspection.get("overlay")
    need(bool(overlay) and pathlib.Path(overlay).is_file(), f"overlay {overlay!r} is no file")
    prediction = demo.get("prediction", {})
    need(bool(prediction.get("causes")), "prediction without causes")
    need(bool(prediction.get("kit")), "prediction without a kit")
    fix = prediction.get("first_time_fix", {})
    need(0 <= fix.get("without_parts", -1) <= fix.get("with_kit", -1) <= fix.get("with_every_part", -1) <= 1, f"first_time_fix out of order: {fix}")
    fields = demo.get("summary", {}).get("fields", {})
    need(any(f for f in fields.values() if f and f.get("lines")), "summary without a field that has lines")
    need(bool(demo.get("versions")), "no versions")
    return found


if __name__ == "__main__":
    missing = problems(json.loads(pathlib.Path(sys.argv[1]).read_text()))
    print("\n".join(missing) or "the demo's five results are complete")
    sys.exit(1 if missing else 0)
