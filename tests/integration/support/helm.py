"""Renders charts as `helm lint --strict` and `helm template` do, with Helm's own engine.

Reads `{"chart": PATH, "releases": [{"name", "namespace", "values": [YAML, ...]}, ...]}` and prints,
for each release, `{"lint": [...], "templates": {NAME: TEXT}, "objects": [...]}`, or `{"error": ...}`
where Helm refuses the values.
"""

import json
import sys

import yaml
from helm_python import chart as helm
from helm_python.errors import HelmError


def merge(base, over):
    """Values over values, as several `--values` do it."""
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = value
    return base


def render(path, chart, release):
    try:
        values = {}
        for text in release["values"]:
            merge(values, helm.values_from_yaml(text) or {})
        templates = chart.render(values, name=release["name"], namespace=release["namespace"])
        report = helm.lint(path, values, strict=True, namespace=release["namespace"])
    except HelmError as error:
        return {"error": str(error)}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    manifests = [text for name, text in templates.items() if not name.endswith(".txt")]
    objects = [item for text in manifests for item in yaml.load_all(text, loader)]
    # That an icon is recommended is no fault.
    lint = [message["error"] for message in report["messages"] if message["severity"] > 1]
    return {
        "lint": lint + report["errors"],
        "templates": templates,
        "objects": [item for item in objects if item is not None],
    }


wanted = json.load(sys.stdin)
with helm.Chart.load(wanted["chart"]) as chart:
    print(json.dumps([render(wanted["chart"], chart, one) for one in wanted["releases"]]))
