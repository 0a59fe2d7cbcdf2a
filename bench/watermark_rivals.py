"""The rivals of the watermark's benchmark: dwtDctSvd and rivaGan of the package invisible-watermark."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_PACKAGES = ("imwatermark", "onnxruntime", "pywt", "cv2")


@dataclass(frozen=True, slots=True)
class Rival:
    """A method of the package at its default strength."""

    name: str
    bits: int

    def embed(self, image: Image.Image, number: int) -> tuple[Image.Image, object]:
        """Marked with random bits."""
        from imwatermark import WatermarkEncoder

        bits = np.random.default_rng(number).integers(0, 2, self.bits).tolist()
        encoder = WatermarkEncoder()
        encoder.set_by_bits(bits)
        return _rgb(encoder.encode(_bgr(image), self.name)), bits

    def read(self, image: Image.Image, searched: bool) -> object:  # noqa: ARG002
        """The bits; None of a picture that is too small for the package. It knows no search."""
        from imwatermark import WatermarkDecoder

        if image.width * image.height < 256 * 256:
            return None
        return [int(bit) for bit in WatermarkDecoder("bits", self.bits).decode(_bgr(image), self.name)]

    def right(self, found: object, expected: object) -> float:
        """Bit by bit."""
        return float(np.mean(np.array(found) == np.array(expected))) if found else 0.5


def rivals() -> list[Rival]:
    """Both; or none, and a sentence on the output, where their packages are absent."""
    if any(importlib.util.find_spec(name) is None for name in _PACKAGES):
        print("Without the rivals: `make bench-watermark` installs the package invisible-watermark that they are in.\n")
        return []
    _load_networks()
    return [Rival("dwtDctSvd", 64), Rival("rivaGan", 32)]


def _load_networks() -> None:
    """rivaGan's two, on one core: the package itself would take a thread for every core there is."""
    import onnxruntime
    from imwatermark import rivaGan

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    folder = Path(rivaGan.__file__).parent
    rivaGan.RivaWatermark.encoder = onnxruntime.InferenceSession(folder / "rivagan_encoder.onnx", options)
    rivaGan.RivaWatermark.decoder = onnxruntime.InferenceSession(folder / "rivagan_decoder.onnx", options)


def _bgr(image: Image.Image) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.asarray(image)[..., ::-1])


def _rgb(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels[..., ::-1]))
