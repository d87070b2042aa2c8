"""`python -m deploy.sbom FOLDER [IMAGE] [VERSION]`: write each image's bill of materials, or that image's, into FOLDER
as `holdfast-IMAGE.cdx.json`. The standard library alone."""

import json
import sys
import tomllib
from pathlib import Path

from deploy.sbom.bom import IMAGES, bill, pins

_ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Write the bills, and return exit code 2 if there is no such image or something is not pinned."""
    folder, *more = [*arguments, "", ""][:3]
    wanted = [name for name in IMAGES if more[0] in ("", name)]
    if not folder or not wanted:
        sys.stderr.write(f"{__doc__}\nImages: {', '.join(IMAGES)}\n")
        return 2
    try:
        version = more[1] or tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["version"]
        for image in wanted:
            packages = pins((_ROOT / "requirements" / f"{IMAGES[image]}.txt").read_text())
            path = Path(folder) / f"holdfast-{image}.cdx.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(bill(image, version, packages), indent=1) + "\n")
            sys.stdout.write(f"{path}  {len(packages)} packages\n")
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
