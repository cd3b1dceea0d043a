"""Draws textured triangles on the CPU, without a display and without OpenGL: panda3d's software renderer."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
import panda3d.core as p3d
from numpy.typing import NDArray

from mission_core.types import CameraModel, Float32Array, ImageArray, Int32Array

NEAR, FAR = 0.2, 80.0  # what is drawn [m]
_STEP = 128  # sizes of pictures are multiples of it, so that few buffers serve all [pixel]
_VERTEX = np.dtype([("place", "<f4", 3), ("colour", "u1", 4), ("uv", "<f4", 2)])  # as GeomVertexFormat V3c4t2 has it


@cache
def _graphics() -> tuple[Any, Any]:
    """Engine and pipe of this process. Only the offscreen pipe is opened, which asks for no display."""
    p3d.loadPrcFileData("", "notify-level warning\naudio-library-name null\nload-display p3tinydisplay\naux-display\n")
    # by default a task of panda3d's own main loop would free the textures of what is gone; there is no such loop here
    p3d.loadPrcFileData("", "garbage-collect-states false\n")
    pipe = p3d.GraphicsPipeSelection.getGlobalPtr().makePipe("TinyOffscreenGraphicsPipe", "p3tinydisplay")
    return p3d.GraphicsEngine.getGlobalPtr(), pipe


class Model:
    """A mesh to be drawn; its vertices may move.

    Args:
        faces: (F, 3) of the vertices, counter-clockwise from the side that is seen.
        uv: (V, 2) places in the texture, from its lower left corner.
        texture: BGR (H, W, 3), sides powers of two, row 0 at the bottom; None = white.
        flat: pieces of a room, seen from both sides and at any distance; otherwise a closed body.
    """

    def __init__(self, faces: Int32Array, uv: Float32Array, texture: ImageArray | None, *, flat: bool = False) -> None:
        self._rows = np.zeros(len(uv), _VERTEX)
        self._rows["uv"] = uv
        self._rows["colour"] = 255
        self._data = p3d.GeomVertexData("", p3d.GeomVertexFormat.getV3c4t2(), p3d.Geom.UHDynamic)
        self._data.setNumRows(len(uv))
        triangles = p3d.GeomTriangles(p3d.Geom.UHStatic)
        triangles.setIndexType(p3d.Geom.NTUint32)
        triangles.modifyVertices(faces.size).modifyHandle().copyDataFrom(faces.astype(np.uint32).tobytes())
        geometry = p3d.Geom(self._data)
        geometry.addPrimitive(triangles)
        node = p3d.GeomNode("")
        node.addGeom(geometry)
        node.setBounds(p3d.OmniBoundingVolume())  # vertices move, so never cull by where they once were
        node.setFinal(True)
        self.path = p3d.NodePath(node)
        self.path.setTwoSided(flat)
        if texture is not None:
            self.path.setTexture(_texture(texture, flat))

    def place(self, vertices: Float32Array, colours: ImageArray) -> None:
        """Moves the vertices.

        Args:
            vertices: (V, 3) camera frame, x forward, y left, z up [m].
            colours: (V, 4) blue, green, red, alpha; they multiply the texture. Alpha is drawn as it is.
        """
        self._rows["place"] = np.stack((-vertices[:, 1], vertices[:, 0], vertices[:, 2]), axis=-1)
        self._rows["colour"] = colours[:, [2, 1, 0, 3]]
        self._data.modifyArrayHandle(0).copyDataFrom(self._rows.tobytes())


def _texture(image: ImageArray, mipmaps: bool) -> Any:
    height, width = image.shape[:2]
    texture = p3d.Texture()
    texture.setup2dTexture(width, height, p3d.Texture.TUnsignedByte, p3d.Texture.FRgb)
    texture.setRamImage(np.ascontiguousarray(image).tobytes())
    texture.setMinfilter(p3d.SamplerState.FTLinearMipmapLinear if mipmaps else p3d.SamplerState.FTLinear)
    texture.setMagfilter(p3d.SamplerState.FTLinear)
    return texture


@lru_cache(maxsize=64)
def _buffer(width: int, height: int) -> tuple[Any, Any, Any]:
    """Buffer, its picture and its display region."""
    engine, pipe = _graphics()
    properties = p3d.FrameBufferProperties()
    properties.setRgbaBits(8, 8, 8, 8)
    properties.setDepthBits(24)
    size = p3d.WindowProperties.size(width, height)
    what = (pipe, "", 0, properties, size, p3d.GraphicsPipe.BFRefuseWindow)
    first = engine.getWindow(0) if engine.getNumWindows() else None  # with which all share their textures
    buffer = engine.makeOutput(*what, first.getGsg(), first) if first is not None else engine.makeOutput(*what)
    picture = p3d.Texture()
    buffer.addRenderTexture(picture, p3d.GraphicsOutput.RTMCopyRam)
    buffer.setClearColor((0, 0, 0, 0))
    buffer.setActive(False)
    return buffer, picture, buffer.makeDisplayRegion()


def draw(
    models: Sequence[Model], camera: CameraModel, region: tuple[int, int, int, int], scale: int
) -> NDArray[np.uint8]:
    """What the camera sees of the models in a region of its picture.

    Args:
        models: in the camera's frame.
        camera: intrinsics.
        region: left, top, right, bottom [pixel]; may reach beyond the picture.
        scale: samples per pixel and direction.

    Returns:
        BGRA ((bottom - top) * scale, (right - left) * scale, 4); all 0 where nothing is. It is overwritten by the
        next call.
    """
    left, top, right, bottom = region
    wide, high = (-(-side * scale // _STEP) * _STEP for side in (right - left, bottom - top))
    buffer, picture, display = _buffer(wide, high)
    lens = p3d.PerspectiveLens()
    lens.setNearFar(NEAR, FAR)
    width, height = wide / scale, high / scale
    lens.setFilmSize(width / camera.fx, height / camera.fy)
    lens.setFocalLength(1.0)
    lens.setFilmOffset((left + width / 2 - camera.cx) / camera.fx, (camera.cy - top - height / 2) / camera.fy)
    root = p3d.NodePath("")
    for order, model in enumerate(models):
        model.path.reparentTo(root)
        model.path.setBin("fixed", order)  # else ties in depth would be decided by addresses in memory
    eye = root.attachNewNode(p3d.Camera("", lens))
    display.setCamera(eye)
    buffer.setActive(True)
    _graphics()[0].renderFrame()
    buffer.setActive(False)
    pixels = np.frombuffer(picture.getRamImage(), np.uint8).reshape(high, wide, 4)[::-1]
    return pixels[: (bottom - top) * scale, : (right - left) * scale]
