"""Whether an uploaded file is a picture that the yard can use: looked at before anything else opens it.

Size and turn are read from the file's head by hand (`vision.image_head`), so that a file that claims to
be 60,000 pixels wide is refused before memory is taken for it; then it is decoded for good. A photo that a
phone took on its side is written upright, because boxes are of pixels as they are stored. Neighbour:
`yard_photos_api`.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edge_runtime.images import decode_image
from edge_runtime.page.errors import PageError
from edge_runtime.whole_file import whole_file
from vision.errors import ImageError
from vision.image_head import UPRIGHT, ImageHead, read_head

#: no camera of a phone takes more
PIXELS_MAX = 120_000_000
SIDE_MAX_PX, SIDE_MIN_PX = 30_000, 64
_JPEG_QUALITY = 95
#: what phones and cameras send; more forms are more decoders that a stranger can reach
_TAKEN = frozenset({".jpg", ".png"})


def check_photo(path: Path, shown: str) -> ImageHead:
    """Look at an uploaded file; a photo that lies on its side is written upright in its place.

    Args:
        path: the file as it came.
        shown: its name as the person knows it.

    Returns:
        Its head, with the size that it has now.

    Raises:
        PageError: 422 `yard_not_a_picture`, `yard_picture_size`, `yard_picture_damaged`.
        OSError: the disk refused.
    """
    data = path.read_bytes()
    head = read_head(data)
    if head is None or head.suffix not in _TAKEN:
        raise PageError(
            422,
            "yard_not_a_picture",
            f"'{shown}' is no JPEG or PNG picture, whatever its name",
            {"file": shown},
        )
    sides = (head.width_px, head.height_px)
    if min(sides) < SIDE_MIN_PX or max(sides) > SIDE_MAX_PX or head.width_px * head.height_px > PIXELS_MAX:
        values = {"file": shown, "width": head.width_px, "height": head.height_px}
        raise PageError(
            422, "yard_picture_size", f"'{shown}' is {sides[0]} x {sides[1]} pixels: no photo is", values
        )
    try:
        decode_image(data, where=shown)
    except ImageError as error:
        raise PageError(422, "yard_picture_damaged", str(error), {"file": shown}) from error
    if head.turn == UPRIGHT:
        return head
    return _upright(path, data, head, shown)


def _upright(path: Path, data: bytes, head: ImageHead, shown: str) -> ImageHead:
    turned = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)  # turns it as EXIF says
    done, packed = (
        (False, None)
        if turned is None
        else cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    )
    if not done or packed is None or turned is None:
        raise PageError(422, "yard_picture_damaged", f"'{shown}' cannot be decoded", {"file": shown})
    with whole_file(path) as part:
        part.write_bytes(packed.tobytes())
    return ImageHead(head.suffix, turned.shape[1], turned.shape[0], head.turn)
