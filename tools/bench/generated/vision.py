"""Networks for images, in the shapes of their papers (some with fewer layers), with random weights."""

import numpy

from .graph import Graph


def resnet50():
    g = Graph()
    x = g.pool(g.conv(g.input("x", 1, 3, 224, 224), 3, 64, 7, 2, act="relu"), 3, 2, 1)
    return _bottlenecks(g, x, 64, [(64, 256, 3, 1), (128, 512, 4, 2), (256, 1024, 6, 2), (512, 2048, 3, 2)], group=1)


def resnext50():
    g = Graph()
    x = g.pool(g.conv(g.input("x", 1, 3, 224, 224), 3, 64, 7, 2, act="relu"), 3, 2, 1)
    return _bottlenecks(g, x, 64, [(128, 256, 3, 1), (256, 512, 4, 2), (512, 1024, 6, 2), (1024, 2048, 3, 2)], group=32)


def regnet_x():
    """RegNetX-400MF: groups of 16 channels."""
    g = Graph()
    x, channels = g.conv(g.input("x", 1, 3, 224, 224), 3, 32, 3, 2, act="relu"), 32
    for width, blocks in ((32, 1), (64, 2), (160, 7), (384, 12)):
        for block in range(blocks):
            stride = 2 if block == 0 else 1
            y = g.conv(g.conv(x, channels, width, 1, act="relu"), width, width, 3, stride, group=width // 16, act="relu")
            y = g.conv(y, width, width, 1)
            x = g.op("Relu", g.op("Add", y, g.conv(x, channels, width, 1, 2) if block == 0 else x))
            channels = width
    return g.model(g.classifier(x, channels))


def _bottlenecks(g: Graph, x: str, channels: int, stages, group: int):
    for inner, width, blocks, stage_stride in stages:
        for block in range(blocks):
            stride = stage_stride if block == 0 else 1
            y = g.conv(g.conv(x, channels, inner, 1, act="relu"), inner, inner, 3, stride, group, act="relu")
            y = g.conv(y, inner, width, 1)
            x = g.op("Relu", g.op("Add", y, g.conv(x, channels, width, 1, stride) if block == 0 else x))
            channels = width
    return g.model(g.classifier(x, channels))


def mobilenet_v2():
    g = Graph()
    x, channels = g.conv(g.input("x", 1, 3, 224, 224), 3, 32, 3, 2, act="relu6"), 32
    for expansion, width, blocks, stage_stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
        for block in range(blocks):
            x = _inverted(g, x, channels, width, expansion, 3, stage_stride if block == 0 else 1, "relu6")
            channels = width
    return g.model(g.classifier(g.conv(x, channels, 1280, 1, act="relu6"), 1280))


def mobilenet_v3():
    """MobileNetV3-Large."""
    g = Graph()
    x, channels = g.conv(g.input("x", 1, 3, 224, 224), 3, 16, 3, 2, act="hardswish"), 16
    rows = [(16, 16, 3, 1, 0, "relu"), (64, 24, 3, 2, 0, "relu"), (72, 24, 3, 1, 0, "relu"), (72, 40, 5, 2, 24, "relu"), (120, 40, 5, 1, 32, "relu"),
            (120, 40, 5, 1, 32, "relu"), (240, 80, 3, 2, 0, "hardswish"), (200, 80, 3, 1, 0, "hardswish"), (184, 80, 3, 1, 0, "hardswish"),
            (480, 112, 3, 1, 120, "hardswish"), (672, 112, 3, 1, 168, "hardswish"), (672, 160, 5, 2, 168, "hardswish"), (960, 160, 5, 1, 240, "hardswish")]
    for inner, width, kernel, stride, reduced, act in rows:
        y = g.conv(g.conv(x, channels, inner, 1, act=act), inner, inner, kernel, stride, inner, act)
        y = g.squeeze_excite(y, inner, reduced, gate="HardSigmoid") if reduced else y
        y = g.conv(y, inner, width, 1)
        x = g.op("Add", x, y) if stride == 1 and channels == width else y
        channels = width
    x = g.op("GlobalAveragePool", g.conv(x, channels, 960, 1, act="hardswish"))
    return g.model(g.linear(g.linear(g.op("Flatten", x), 960, 1280, "hardswish"), 1280, 1000))


def efficientnet_b0():
    g = Graph()
    x, channels = g.conv(g.input("x", 1, 3, 224, 224), 3, 32, 3, 2, act="silu"), 32
    for expansion, width, blocks, stage_stride, kernel in ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)):
        for block in range(blocks):
            x = _inverted(g, x, channels, width, expansion, kernel, stage_stride if block == 0 else 1, "silu", max(channels // 4, 1))
            channels = width
    return g.model(g.classifier(g.conv(x, channels, 1280, 1, act="silu"), 1280))


def _inverted(g: Graph, x: str, channels: int, width: int, expansion: int, kernel: int, stride: int, act: str, reduced: int = 0) -> str:
    inner = channels * expansion
    y = g.conv(x, channels, inner, 1, act=act) if expansion > 1 else x
    y = g.conv(y, inner, inner, kernel, stride, inner, act)
    y = g.squeeze_excite(y, inner, reduced, act) if reduced else y
    y = g.conv(y, inner, width, 1)
    return g.op("Add", x, y) if stride == 1 and channels == width else y


def shufflenet_v2():
    g = Graph()
    x = g.pool(g.conv(g.input("x", 1, 3, 224, 224), 3, 24, 3, 2, act="relu"), 3, 2, 1)
    channels, extent = 24, 56
    for width, blocks in ((116, 4), (232, 8), (464, 4)):
        half, extent = width // 2, extent // 2
        for block in range(blocks):
            if block == 0:
                left = g.conv(g.conv(x, channels, channels, 3, 2, channels), channels, half, 1, act="relu")
                right, inner, stride = x, channels, 2
            else:
                left, right = g.ops("Split", 2, x, axis=1, num_outputs=2)
                inner, stride = half, 1
            right = g.conv(g.conv(g.conv(right, inner, half, 1, act="relu"), half, half, 3, stride, half), half, half, 1, act="relu")
            x = g.reshape(g.op("Concat", left, right, axis=1), 1, 2, half, extent, extent)
            x = g.reshape(g.op("Transpose", x, perm=[0, 2, 1, 3, 4]), 1, width, extent, extent)
        channels = width
    return g.model(g.classifier(g.conv(x, channels, 1024, 1, act="relu"), 1024))


def squeezenet():
    g = Graph()
    x, channels = g.pool(g.conv(g.input("x", 1, 3, 224, 224), 3, 64, 3, 2, act="relu"), 3, 2), 64
    for squeezed, width, pooled in ((16, 64, False), (16, 64, True), (32, 128, False), (32, 128, True), (48, 192, False), (48, 192, False), (64, 256, False), (64, 256, False)):
        s = g.conv(x, channels, squeezed, 1, act="relu")
        x, channels = g.op("Concat", g.conv(s, squeezed, width, 1, act="relu"), g.conv(s, squeezed, width, 3, act="relu"), axis=1), 2 * width
        x = g.pool(x, 3, 2) if pooled else x
    return g.model(g.op("Flatten", g.op("GlobalAveragePool", g.conv(x, channels, 1000, 1, act="relu"))))


def densenet():
    """DenseNet-121's growth with half of its layers."""
    g = Graph()
    x, channels = g.pool(g.conv(g.input("x", 1, 3, 224, 224), 3, 64, 7, 2, act="relu"), 3, 2, 1), 64
    for blocks in (3, 6, 12, 8):
        for _ in range(blocks):
            y = g.op("Relu", g.op("Add", g.op("Mul", x, g.weight(channels, 1, 1, fan_in=1)), g.weight(channels, 1, 1, fan_in=100)))
            y = g.conv(g.conv(y, channels, 128, 1, act="relu"), 128, 32, 3)
            x, channels = g.op("Concat", x, y, axis=1), channels + 32
        if blocks != 8:
            x, channels = g.pool(g.conv(x, channels, channels // 2, 1, act="relu"), kind="AveragePool"), channels // 2
    return g.model(g.classifier(x, channels))


def inception():
    """Blocks of GoogLeNet and of Inception-v3: many branches, kernels of 1 x 7 and 7 x 1."""
    g = Graph()
    x, channels = g.pool(g.conv(g.conv(g.input("x", 1, 3, 224, 224), 3, 32, 3, 2, act="relu"), 32, 64, 3, act="relu"), 3, 2, 1), 64
    for _ in range(3):
        branches = [g.conv(x, channels, 64, 1, act="relu"), g.conv(g.conv(x, channels, 48, 1, act="relu"), 48, 64, 5, act="relu"),
                    g.conv(g.conv(x, channels, 64, 1, act="relu"), 64, 96, 3, act="relu"), g.conv(g.pool(x, 3, 1, 1, "AveragePool"), channels, 32, 1, act="relu")]
        x, channels = g.op("Concat", *branches, axis=1), 256
    x = g.pool(x, 3, 2, 1)
    for _ in range(3):
        seven = g.conv(g.conv(g.conv(x, channels, 128, 1, act="relu"), 128, 128, (1, 7), act="relu"), 128, 192, (7, 1), act="relu")
        branches = [g.conv(x, channels, 192, 1, act="relu"), seven, g.conv(g.pool(x, 3, 1, 1, "AveragePool"), channels, 192, 1, act="relu")]
        x, channels = g.op("Concat", *branches, axis=1), 576
    return g.model(g.classifier(x, channels))


def vgg():
    g = Graph()
    x, channels = g.input("x", 1, 3, 128, 128), 3
    for width, layers in ((64, 1), (128, 1), (256, 2), (512, 2), (512, 2)):
        for _ in range(layers):
            x, channels = g.conv(x, channels, width, act="relu"), width
        x = g.pool(x)
    return g.model(g.linear(g.op("Flatten", x), 512 * 16, 256))


def convnext():
    g = Graph()
    x = g.op("Conv", g.input("x", 1, 3, 224, 224), g.weight(96, 3, 4, 4), g.constant(numpy.zeros(96)), strides=[4, 4])
    channels = 96
    for width, blocks in ((96, 2), (192, 2), (384, 3), (768, 2)):
        if width != channels:
            x, channels = g.op("Conv", x, g.weight(width, channels, 2, 2), g.constant(numpy.zeros(width)), strides=[2, 2]), width
        for _ in range(blocks):
            y = g.layer_norm(g.op("Transpose", g.conv(x, width, width, 7, group=width), perm=[0, 2, 3, 1]), width)
            y = g.op("Mul", g.feed_forward(y, width, 4 * width), g.constant(numpy.full(width, 0.1)))
            x = g.op("Add", x, g.op("Transpose", y, perm=[0, 3, 1, 2]))
    return g.model(g.classifier(x, channels))


def unet():
    g = Graph()
    x, channels, skips = g.input("x", 1, 3, 128, 128), 3, []
    for width in (16, 32, 64, 128):
        x = g.conv(g.conv(x, channels, width, act="relu"), width, width, act="relu")
        skips.append((x, width))
        x, channels = g.pool(x), width
    x, channels = g.conv(g.conv(x, 128, 256, act="relu"), 256, 256, act="relu"), 256
    for skip, width in reversed(skips):
        x = g.op("Concat", g.conv_transpose(x, channels, width, 2, 2), skip, axis=1)
        x, channels = g.conv(g.conv(x, 2 * width, width, act="relu"), width, width, act="relu"), width
    return g.model(g.conv(x, channels, 1, 1))


def diffusion_unet():
    """Residual blocks with group normalization and attention over 16 x 16 positions, as latent diffusion has them."""
    g = Graph()

    def block(x: str, inputs: int, outputs: int) -> str:
        y = g.conv(g.activation(g.group_norm(x, inputs, 32), "silu"), inputs, outputs)
        y = g.conv(g.activation(g.group_norm(y, outputs, 32), "silu"), outputs, outputs)
        return g.op("Add", y, x if inputs == outputs else g.conv(x, inputs, outputs, 1))

    def attend(x: str, channels: int) -> str:
        y = g.op("Transpose", g.reshape(g.group_norm(x, channels, 32), 1, channels, 256), perm=[0, 2, 1])
        y = g.op("Transpose", g.attention(y, 256, channels, 8), perm=[0, 2, 1])
        return g.op("Add", x, g.reshape(y, 1, channels, 16, 16))

    x = g.conv(g.input("x", 1, 4, 32, 32), 4, 128)
    first = block(x, 128, 128)
    second = attend(block(g.conv(first, 128, 256, 3, 2), 256, 256), 256)
    x = attend(block(second, 256, 256), 256)
    x = g.conv(g.resize(block(g.op("Concat", x, second, axis=1), 512, 256), 2), 256, 128)
    x = block(g.op("Concat", x, first, axis=1), 256, 128)
    return g.model(g.conv(g.activation(g.group_norm(x, 128, 32), "silu"), 128, 4))


def yolo_csp(act: str = "silu"):
    """A detector of CSP blocks with a spatial pyramid and two heads."""
    g = Graph()

    def csp(x: str, inputs: int, outputs: int, blocks: int) -> str:
        half = outputs // 2
        left, right = g.conv(x, inputs, half, 1, act=act), g.conv(x, inputs, half, 1, act=act)
        for _ in range(blocks):
            left = g.op("Add", left, g.conv(g.conv(left, half, half, 1, act=act), half, half, act=act))
        return g.conv(g.op("Concat", left, right, axis=1), outputs, outputs, 1, act=act)

    x, channels, levels = g.conv(g.input("x", 1, 3, 320, 320), 3, 32, 3, 2, act=act), 32, []
    for width, blocks in ((64, 1), (128, 2), (256, 3), (512, 1)):
        x, channels = csp(g.conv(x, channels, width, 3, 2, act=act), width, width, blocks), width
        levels.append(x)
    s = g.conv(x, 512, 256, 1, act=act)
    pools = [s]
    for _ in range(3):
        pools.append(g.pool(pools[-1], 5, 1, 2))
    x = g.conv(g.conv(g.op("Concat", *pools, axis=1), 1024, 512, 1, act=act), 512, 256, 1, act=act)
    y = csp(g.op("Concat", g.resize(x, 2), levels[2], axis=1), 512, 256, 1)
    heads = []
    for map_, width, extent in ((y, 256, 20), (x, 256, 10)):
        head = g.reshape(g.conv(map_, width, 255, 1), 1, 3, 85, extent * extent)
        heads.append(g.reshape(g.op("Sigmoid", g.op("Transpose", head, perm=[0, 1, 3, 2])), 1, 3 * extent * extent, 85))
    return g.model(g.op("Concat", *heads, axis=1))


def yolo_mish():
    return yolo_csp("mish")


def super_resolution():
    """Residual blocks at the low resolution and a depth to space (EDSR)."""
    g = Graph()
    x = first = g.conv(g.input("x", 1, 3, 96, 96), 3, 32)
    for _ in range(6):
        x = g.op("Add", x, g.conv(g.conv(x, 32, 32, act="relu"), 32, 32))
    x = g.op("DepthToSpace", g.conv(g.op("Add", x, first), 32, 128), blocksize=2, mode="CRD")
    return g.model(g.conv(x, 32, 3))


def style_transfer():
    """Instance normalizations, reflecting pads and nearest neighbours."""
    g = Graph()

    def layer(x: str, inputs: int, outputs: int, kernel: int, stride: int = 1, act: str | None = "relu") -> str:
        pad = kernel // 2
        x = g.op("Pad", x, g.constant([0, 0, pad, pad] * 2, numpy.int64), mode="reflect")
        x = g.op("Conv", x, g.weight(outputs, inputs, kernel, kernel), g.weight(outputs, fan_in=100), strides=[stride, stride])
        return g.activation(g.op("InstanceNormalization", x, g.constant(numpy.ones(outputs)), g.constant(numpy.zeros(outputs))), act)

    x = layer(layer(layer(g.input("x", 1, 3, 224, 224), 3, 32, 9), 32, 64, 3, 2), 64, 128, 3, 2)
    for _ in range(3):
        x = g.op("Add", x, layer(layer(x, 128, 128, 3), 128, 128, 3, act=None))
    x = layer(g.resize(layer(g.resize(x, 2), 128, 64, 3), 2), 64, 32, 3)
    return g.model(layer(x, 32, 3, 9, act="tanh"))


def generator():
    """Transposed convolutions of four by four (DCGAN)."""
    g = Graph()
    x, channels = g.reshape(g.linear(g.input("z", 1, 100), 100, 512 * 16), 1, 512, 4, 4), 512
    for width in (256, 128, 64):
        x, channels = g.op("Relu", g.conv_transpose(x, channels, width, 4, 2)), width
    return g.model(g.op("Tanh", g.conv_transpose(x, channels, 3, 4, 2)))


def segmentation():
    """Dilated convolutions in parallel and bilinear resizes (DeepLab)."""
    g = Graph()
    x, channels = g.conv(g.input("x", 1, 3, 257, 257), 3, 32, 3, 2, act="relu"), 32
    for width, stride in ((64, 2), (128, 2), (256, 1)):
        x, channels = g.conv(g.conv(x, channels, width, 3, stride, act="relu"), width, width, act="relu"), width
    branches = [g.conv(x, 256, 64, 1, act="relu")] + [g.conv(x, 256, 64, 3, act="relu", dilation=d) for d in (6, 12, 18)]
    x = g.conv(g.conv(g.op("Concat", *branches, axis=1), 256, 64, 1, act="relu"), 64, 21, 1)
    x = g.op("Resize", x, "", "", g.constant([1, 21, 257, 257], numpy.int64), mode="linear", coordinate_transformation_mode="half_pixel")
    return g.model(g.op("ArgMax", x, axis=1))


def video():
    """Three-dimensional convolutions over 8 frames (C3D)."""
    g = Graph()
    x, channels = g.input("x", 1, 3, 8, 56, 56), 3
    for width, strides in ((32, (1, 2, 2)), (64, (1, 2, 2)), (128, (2, 2, 2)), (256, (2, 2, 2))):
        x = g.conv(x, channels, width, act="relu", dims=3)
        x, channels = g.op("MaxPool", x, kernel_shape=list(strides), strides=list(strides)), width
    return g.model(g.classifier(x, channels, 101))


def vit():
    g = Graph()
    x = g.op("Conv", g.input("x", 1, 3, 224, 224), g.weight(192, 3, 16, 16), g.constant(numpy.zeros(192)), strides=[16, 16])
    x = g.op("Transpose", g.reshape(x, 1, 192, 196), perm=[0, 2, 1])
    x = g.op("Add", g.op("Concat", g.weight(1, 1, 192), x, axis=1), g.weight(1, 197, 192, fan_in=50))
    for _ in range(4):
        x = g.op("Add", x, g.attention(g.layer_norm(x, 192), 197, 192, 3))
        x = g.op("Add", x, g.feed_forward(g.layer_norm(x, 192), 192, 768))
    return g.model(g.layer_norm(x, 192))


def swin():
    """Attention in windows of 7 x 7, shifted in every second block: rolls, reshapes and transposes around it."""
    g = Graph()
    x = g.op("Conv", g.input("x", 1, 3, 224, 224), g.weight(96, 3, 4, 4), g.constant(numpy.zeros(96)), strides=[4, 4])
    x, size, extent = g.op("Transpose", x, perm=[0, 2, 3, 1]), 96, 56

    def roll(y: str, by: int) -> str:
        for axis in (1, 2):
            first = g.op("Slice", y, g.constant([by], numpy.int64), g.constant([2**31], numpy.int64), g.constant([axis], numpy.int64))
            rest = g.op("Slice", y, g.constant([0], numpy.int64), g.constant([by], numpy.int64), g.constant([axis], numpy.int64))
            y = g.op("Concat", first, rest, axis=axis)
        return y

    for stage in range(2):
        count = extent // 7
        for block in range(2):
            y = roll(g.layer_norm(x, size), 3) if block else g.layer_norm(x, size)
            y = g.op("Transpose", g.reshape(y, 1, count, 7, count, 7, size), perm=[0, 1, 3, 2, 4, 5])
            y = g.attention(g.reshape(y, count * count, 49, size), 49, size, size // 32, g.weight(1, size // 32, 49, 49), batch=count * count)
            y = g.op("Transpose", g.reshape(y, 1, count, count, 7, 7, size), perm=[0, 1, 3, 2, 4, 5])
            y = g.reshape(y, 1, extent, extent, size)
            x = g.op("Add", x, roll(y, extent - 3) if block else y)
            x = g.op("Add", x, g.feed_forward(g.layer_norm(x, size), size, 4 * size))
        if stage == 0:
            x = g.op("Transpose", g.reshape(x, 1, extent // 2, 2, extent // 2, 2, size), perm=[0, 1, 3, 4, 2, 5])
            extent, size = extent // 2, 2 * size
            x = g.linear(g.layer_norm(g.reshape(x, 1, extent, extent, 2 * size), 2 * size), 2 * size, size)
    return g.model(g.op("ReduceMean", x, g.constant([1, 2], numpy.int64)))


NETWORKS = (resnet50, resnext50, regnet_x, mobilenet_v2, mobilenet_v3, efficientnet_b0, shufflenet_v2, squeezenet, densenet, inception, vgg, convnext,
            unet, diffusion_unet, yolo_csp, yolo_mish, super_resolution, style_transfer, generator, segmentation, video, vit, swin)
