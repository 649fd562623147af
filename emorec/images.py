"""Pictures in one form: what a path, a grey, RGBA or 16-bit picture, a BGR frame or floats become, or a clear error."""

import base64
import contextlib
import io
import os
from pathlib import Path

import numpy as np

from emorec.arguments import explained
from emorec.checks import whole_number
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.types import Picture

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jfif", ".tif", ".tiff", ".bmp", ".webp", ".pgm", ".ppm", ".gif", ".avif",
    ".heic", ".heif",
)  # fmt: skip
LEAST = 8  # shorter edges show no face


@explained
def as_picture(image: Picture, *, bgr: bool = False) -> np.ndarray:
    """Any picture as uint8, grey or RGB.

    Args:
        image: A path, the bytes of a picture file, a data URL (``data:image/png;base64,...``), a picture of Pillow, or
            an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), also with the channels first: uint8, uint16 (0 to 65535,
            or 0 to 255 if none is above 255), bool, other integers (0 to 255), or floats: 0 to 1 if all are below 2,
            else 0 to 255.
        bgr: Whether an array has its channels in OpenCV's order, as frames of a video have.

    Returns:
        uint8 array (H, W) of a grey picture, or (H, W, 3) RGB; transparent parts of a picture become white.

    Raises:
        BadInput: Another shape or type, no pixels, NaN, or values outside of the range.
        DataMissing: No such file.
        DataCorrupt: The file is not a picture, or is truncated.
    """
    if isinstance(image, (str, os.PathLike, bytes, bytearray)):
        image, bgr = _decoded(image), False
    elif hasattr(image, "read"):
        raise BadInput(f"A picture is a path, bytes or an array; this {type(image).__name__} is a file: file.read().")
    elif hasattr(image, "getbands"):  # Pillow's; its palettes, CMYK and EXIF mean what they mean in a file
        image, bgr = _pixels(image), False
    try:
        image = np.asarray(image)
    except (ValueError, OverflowError) as error:  # rows of several lengths, say
        raise BadInput(f"A picture is a path, bytes or an array; this {type(image).__name__} is none.") from error
    image = _as_bytes(channels_last(image))
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (3, 4)):
        raise BadInput(f"A picture has the shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); received {image.shape}.")
    if 0 in image.shape:
        raise BadInput(f"A picture without pixels: its shape is {image.shape}.")
    if image.ndim == 3:
        colours = image[..., 2::-1] if bgr else image[..., :3]
        if image.shape[2] == 4 and (image[..., 3] < 255).any():
            alpha = image[..., 3:].astype("uint16")
            colours = ((colours * alpha + 255 * (255 - alpha) + 127) // 255).astype("uint8")
        image = colours
    return np.ascontiguousarray(image)


@explained
def channels_last(images: np.ndarray) -> np.ndarray:
    """One picture (C, H, W), or N of them (N, C, H, W), with the channels last; a view, or what was handed in."""
    shape = images.shape[-3:]
    if images.ndim in (3, 4) and shape[0] in (1, 3, 4) and shape[2] not in (1, 3, 4) and min(shape[1:]) >= LEAST:
        return np.moveaxis(images, -3, -1)
    return images


@explained
def native(array: np.ndarray) -> np.ndarray:
    """The same numbers in the byte order of this machine: those of files are often of the other one.

    Example:
        >>> native(np.array([1, 2], ">u2")).dtype == np.uint16
        True
    """
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _as_bytes(image):
    image = native(image)
    if image.dtype == np.uint8:
        return image
    if image.dtype == np.uint16 and image.size and image.max() <= 255:  # 8 bits in a type of 16: else it were black
        return image.astype("uint8")
    if image.dtype == np.uint16:
        return ((image.astype("uint32") + 128) // 257).astype("uint8")
    if image.dtype == bool:
        return image.astype("uint8") * 255
    if image.dtype.kind not in "iuf":
        raise BadInput(f"A picture holds numbers; received an array of type {image.dtype}.")
    if image.size and not np.isfinite(image).all():
        raise BadInput("The picture holds NaN or infinite values.")
    low, high = (image.min(), image.max()) if image.size else (0, 0)
    if low < 0 or high > 255:
        raise BadInput(
            f"Values of a picture lie in 0 to 255 (or, as floats, 0 to 1); received {low:g} to {high:g}. "
            "A picture that was standardised has to be turned back first."
        )
    if image.dtype.kind == "f":
        image = np.rint(np.minimum(image, 1) * 255 if high < 2 else image)  # sums of weights may end just above 1
    return image.astype("uint8")


HEIC = (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypheim", b"ftypheis")


def _register_heic(name):
    """Teaches Pillow the pictures of phones; AVIF it reads itself."""
    try:
        import pillow_heif
    except ImportError:
        raise DataCorrupt(f"{name} is a HEIC picture: pip install pillow-heif, or save it as a JPEG.") from None
    pillow_heif.register_heif_opener()


def _from_url(text):
    """The bytes in a data URL (RFC 2397)."""
    head, comma, body = text.partition(",")
    try:
        if not (comma and head.endswith(";base64")):
            raise ValueError("it has no ';base64,'")
        return base64.b64decode(body, validate=True)
    except ValueError as error:
        raise DataCorrupt(f"The data URL {text[:40]!r}... is damaged: {error}.") from error


def _decoded(source):
    """The array in a picture file: turned upright by its EXIF tag, 16 bits kept, palettes and CMYK resolved."""
    # Pillow and not OpenCV, which fills a truncated JPEG with grey without a word.
    from PIL import Image

    if isinstance(source, (bytes, bytearray)):
        name, data = f"The picture ({len(source)} bytes)", source
    elif isinstance(source, str) and source.startswith("data:"):
        name, data = "The picture in the data URL", _from_url(source)
    elif isinstance(source, str) and source.lower().startswith(("http://", "https://")):
        raise BadInput(
            f"Nothing is fetched from {source[:60]!r}: download the picture, and give its path or its bytes."
        )
    else:
        name = path = Path(os.path.expanduser(source))
        if not os.path.isfile(path):  # False, too, for a name that is too long
            raise DataMissing(f"The picture {str(path)!r}", [path.absolute()], "check the path.")
        data = path.read_bytes()
    if data[4:12] in HEIC:
        _register_heic(name)
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return _pixels(picture)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        # Not the error itself, whose traceback holds this frame: that circle would keep the pixels alive.
        reason = "not a picture" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise DataCorrupt(f"{name} cannot be read ({reason}): truncated, damaged or of another kind.") from error


def _pixels(picture):
    """The array in a picture of Pillow, see `_decoded`."""
    from PIL import ImageCms, ImageOps

    picture.load()
    with contextlib.suppress(Exception):  # a damaged tag fails in many ways, and the pixels are whole
        picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):
        array = np.asarray(picture)
        deep = picture.mode.startswith("I;16") or array.max() > 255
        return array.astype("uint16") if deep and array.min() >= 0 and array.max() <= 65535 else array
    if picture.mode == "LAB":
        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return np.asarray(ImageCms.profileToProfile(picture, lab, rgb, outputMode="RGB"))
    transparent = picture.mode in ("LA", "PA", "RGBa", "La") or "transparency" in picture.info
    known = ("L", "RGB", "RGBA", "F")
    mode = "RGBA" if transparent else "L" if picture.mode == "1" else "RGB"
    return np.asarray(picture if picture.mode in known and not transparent else picture.convert(mode))


@explained
def to_grey(picture: np.ndarray) -> np.ndarray:
    """uint8 (H, W) of a picture as `as_picture` returns it (ITU-R BT.601 weights)."""
    import cv2

    return picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


@explained
def to_rgb(picture: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) of a picture as `as_picture` returns it."""
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


@explained
def squared(picture: np.ndarray, size: int) -> np.ndarray:
    """The centre square of a picture, resized to ``size`` by ``size`` pixels; nothing is stretched."""
    import cv2

    size = whole_number("size", size, 1, 10_000)
    height, width = picture.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    centre = picture[top : top + edge, left : left + edge]
    if edge == size:
        return np.ascontiguousarray(centre)
    how = cv2.INTER_AREA if edge > size else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(centre), (size, size), interpolation=how)
