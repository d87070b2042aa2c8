"""`python -m deploy.kubernetes`: check every manifest against the published schemas of Kubernetes. Exit code 0: all of
them are valid. What is not Kubernetes' own (KEDA, kustomize) has no schema there and is left out."""

import sys
from pathlib import Path

import kubernetes_validate
import yaml

_FOLDER = Path(__file__).parent
_OWN = ("v1", "apps/", "batch/", "policy/", "autoscaling/", "networking.k8s.io/")
#: The oldest and the newest version with published schemas.
_VERSIONS = ("1.31", kubernetes_validate.latest_version())


def main() -> int:
    """Check, print a line for each version and each fault, and return the exit code."""
    paths = sorted(_FOLDER.rglob("*.yaml"))
    documents = [(path, each) for path in paths for each in yaml.safe_load_all(path.read_text())]
    own = [(path, each) for path, each in documents if each["apiVersion"].startswith(_OWN)]
    faults = 0
    for version in _VERSIONS:
        for path, document in own:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as fault:
                faults += 1
                where = f"{path.relative_to(_FOLDER)}: {document['kind']} {document['metadata']['name']}"
                sys.stdout.write(f"{where}: {fault.message}\n")
        sys.stdout.write(f"Kubernetes {version}: {len(own)} manifests checked\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
