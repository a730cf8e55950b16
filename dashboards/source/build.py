"""Writes the dashboards: build.py [FOLDER], where FOLDER is else the one above this."""

import json
import sys
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

import channel
import exporter
import overview


def finish(board: dict[str, Any]) -> dict[str, Any]:
    """Adds what the builders have no word for."""
    annotations = {
        "Alerts": {
            "titleFormat": "{{alertname}}",
            "textFormat": "{{channel_name}}",
            "step": "10s",
        },
        "State changes": {
            "titleFormat": "State changed",
            "textFormat": "{{account}} {{channel_id}}",
            "step": "1m",
            "useValueForTime": True,
        },
    }
    for annotation in board["annotations"]["list"]:
        annotation |= annotations[annotation["name"]]
    # Links to a panel stay what they are when another one is added.
    for number, panel in enumerate(board["panels"], start=1):
        panel["id"] = number
    return board


def main() -> None:
    """Writes them all."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    for name, module in {"overview": overview, "channel": channel, "exporter": exporter}.items():
        encoded = JSONEncoder(sort_keys=True).encode(module.dashboard().build())
        board = finish(json.loads(encoded))
        text = json.dumps(board, indent=2, ensure_ascii=False, sort_keys=True)
        (folder / f"polyv-{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
