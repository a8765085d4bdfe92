"""How long a compressed frame is, by its own header.

Bare streams have no clock and no index. What a damaged stretch or a cut took away shows only in
the sizes of their frames: a parser hands a stretch that it cannot read over together with the
frame before it.
"""

_MPEG_KBITS = {
    # (version is 1, layer): ISO 11172-3 and 13818-3, table of bitrate_index
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MPEG_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_AC3_KBITS = (
    32,
    40,
    48,
    56,
    64,
    80,
    96,
    112,
    128,
    160,
    192,
    224,
    256,
    320,
    384,
    448,
    512,
    576,
    640,
)


def frame_bytes(codec: str, head: bytes) -> int | None:
    """The size of the frame that begins with `head`; None where that cannot be told."""
    if len(head) < 8:
        return None
    if codec.startswith(("mp1", "mp2", "mp3")):
        return _mpeg_bytes(head)
    if codec == "aac" and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        # ADTS, ISO 13818-7, 6.2: 13 bits that count the header too
        return (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    if codec in ("ac3", "eac3") and head[:2] == b"\x0b\x77":
        if head[5] >> 3 > 10:  # E-AC-3, ETSI TS 102 366, E.1.2.2
            return 2 * (((head[2] & 7) << 8 | head[3]) + 1)
        return _ac3_bytes(head[4])
    return None


def mpeg_frame_s(head: bytes) -> float | None:
    """How long the sound of an MPEG frame is; None where `head` is no such frame's."""
    if len(head) < 4 or _mpeg_bytes(head) is None:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    samples = 384 if layer == 1 else 1152 if layer == 2 or version == 3 else 576
    return samples / _MPEG_RATES_HZ[version][head[2] >> 2 & 3]


def _mpeg_bytes(head: bytes) -> int | None:
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bitrate, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if head[0] != 0xFF or head[1] & 0xE0 != 0xE0 or version == 1 or layer == 4:
        return None
    if bitrate in (0, 15) or rate == 3:
        return None
    rate_hz = _MPEG_RATES_HZ[version][rate]
    bits_per_s = 1000 * _MPEG_KBITS[version == 3, layer][bitrate - 1]
    if layer == 1:
        return (12 * bits_per_s // rate_hz + padding) * 4
    samples = 1152 if layer == 2 or version == 3 else 576
    return samples // 8 * bits_per_s // rate_hz + padding


def _ac3_bytes(code: int) -> int | None:
    rate, size = code >> 6, code & 0x3F
    if rate == 3 or size >= 2 * len(_AC3_KBITS):
        return None
    kbits = _AC3_KBITS[size // 2]
    if rate == 0:  # 48 kHz
        return 4 * kbits
    if rate == 2:  # 32 kHz
        return 6 * kbits
    return 2 * (kbits * 1000 * 96 // 44100 + (size & 1))
