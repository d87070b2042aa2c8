"""`python -m deploy.sbom.validate FILE...`: checks that these are valid by CycloneDX' own schema. Runs in
`.venv-sbom`."""

import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def main(files: list[str]) -> int:
    """Check the files, and return exit code 1 if one of them is invalid."""
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    wrong = {name: error for name in files if (error := validator.validate_str(Path(name).read_text())) is not None}
    for name, error in wrong.items():
        sys.stderr.write(f"{name}: {error}\n")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
