"""Reads what kustomize builds.

`read FILE...` prints the objects of each file as JSON. `validate VERSION... -- FILE...` prints a
line for each fault that Kubernetes of that version, or the Prometheus Operator, finds with one.
"""

import json
import sys

import yaml


def objects(path):
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with open(path, encoding="utf-8") as file:
        return [item for item in yaml.load_all(file, loader) if item is not None]


def of_the_operator(item):
    import cloudcoil.models.prometheus_operator.v1 as operator
    import pydantic

    try:
        model = getattr(operator, item["kind"]).model_validate(item)
    except pydantic.ValidationError as error:
        return str(error)
    # The models drop a key that they do not know; so would the operator, without a word.
    known = model.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return None if known == item else "an unknown key"


def of_kubernetes(item, version):
    import kubernetes_validate

    try:
        kubernetes_validate.validate(item, version, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        return f"Kubernetes {version}: {error.message}"
    return None


# What was validated: most objects are in many builds.
SEEN = set()


def validate(versions, path):
    for item in objects(path):
        text = json.dumps(item, sort_keys=True)
        if text in SEEN:
            continue
        SEEN.add(text)
        if item["apiVersion"].startswith("monitoring.coreos.com/"):
            faults = [of_the_operator(item)]
        else:
            faults = [of_kubernetes(item, version) for version in versions]
        for fault in filter(None, faults):
            print(f"{path}: {item['kind']} {item['metadata']['name']}: {fault}")


command, *arguments = sys.argv[1:]
if command == "read":
    print(json.dumps([objects(path) for path in arguments]))
else:
    split = arguments.index("--")
    for path in arguments[split + 1 :]:
        validate(arguments[:split], path)
