"""What the checks of the schema share: reading workflows, and the schema itself."""

import json
import pathlib

import jsonschema
import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class Loader(yaml.SafeLoader):
    """YAML as the language takes it: no dates, and a key stays the word that it is."""

    yaml_implicit_resolvers = {
        first: [r for r in resolvers if r[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node, deep=False):
        self.flatten_mapping(node)
        return {self.key(k): self.construct_object(v, deep=True) for k, v in node.value}

    def key(self, node):
        if not isinstance(node, yaml.ScalarNode):
            return ""  # no name of anything
        return "on" if node.value == "true" else node.value


Loader.add_constructor("tag:yaml.org,2002:map", lambda self, node: self.construct_mapping(node))


def load(path):
    return yaml.load(path.read_bytes(), Loader)


def good():
    return sorted([*HERE.glob("good/*.yaml"), *(ROOT / "examples").glob("**/*.yaml")])


def validator():
    schema = json.loads((ROOT / "spec/workflow.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)
