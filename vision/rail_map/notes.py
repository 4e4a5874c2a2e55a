"""What a map tells people in notes: every code there is, and the keys of its values.

A note is data, never a sentence: words for each code lie in catalogues (`yard_note.CODE`), in every language.
Neighbours: `types.Note` is one of them; `intake`, `layout`, `health`, `unseen` and whoever reads scans or
photos from disk make them.
"""

from __future__ import annotations

#: code -> keys of its values.
NOTE_CODES: dict[str, tuple[str, ...]] = {
    # a sentence that an older version wrote down, in English
    "text": ("text",),
    # order of frames, encoder, conveyor
    "out_of_order": ("camera", "frames"),
    "doubled_frames": ("camera", "count"),
    "offsets_left_out": (),
    "no_encoder": (),
    "camera_without_counts": ("camera",),
    "encoder_stood_still": ("camera", "frames"),
    "frames_without_count": ("camera", "frames"),
    "went_back": ("camera", "frames"),
    "stood": ("camera", "frames"),
    "uneven": ("camera", "frames"),
    "no_rail": (),
    # why a picture proves nothing, or is not in the strip
    "unreadable": (),
    "shape": (),
    "shape_bits": (),
    "shape_channels": ("count",),
    "shape_small": ("width", "height"),
    "shape_width": ("width", "usual"),
    "black": ("greys",),
    "saturated": ("percent",),
    "frozen": (),
    "doubled": (),
    # why a stretch is not seen
    "camera_elsewhere": (),
    "no_frame": (),
    "encoder_jumped": ("first", "last"),
    "no_head": (),
    "place_not_proven": (),
    "and_more": ("count",),
    # the scan's table and files
    "row_twice": ("camera", "frame", "first_line", "line", "file"),
    "row_contradicts": ("camera", "frame", "first_line", "line", "file", "other"),
    "camera_without_pictures": ("camera",),
    "table_out_of_order": ("camera", "frame"),
    "frame_without_file": ("camera", "frame"),
    "file_missing": ("camera", "frame", "file"),
    "file_unreadable": ("file",),
    "file_empty": ("file",),
    "file_no_picture": ("file",),
    # photos of a wagon or a pile
    "photo_without_rail": ("file",),
}
