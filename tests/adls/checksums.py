# SPDX-License-Identifier: Apache-2.0
"""CRC-64/NVME, as the header x-ms-content-crc64 has it."""

POLYNOMIAL = 0x9A6C9329AC4BC9B5
ONES = 0xFFFFFFFFFFFFFFFF


def _tables():
    first = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
        first.append(value)
    tables = [first]
    for _ in range(7):
        before = tables[-1]
        tables.append([first[value & 255] ^ value >> 8 for value in before])
    return tables


TABLES = _tables()


def crc64(data):
    t0, t1, t2, t3, t4, t5, t6, t7 = TABLES
    value = ONES
    whole = len(data) // 8 * 8
    for word in memoryview(data)[:whole].cast("Q") if whole else ():
        value ^= word
        value = (
            t7[value & 255]
            ^ t6[value >> 8 & 255]
            ^ t5[value >> 16 & 255]
            ^ t4[value >> 24 & 255]
            ^ t3[value >> 32 & 255]
            ^ t2[value >> 40 & 255]
            ^ t1[value >> 48 & 255]
            ^ t0[value >> 56]
        )
    for byte in data[whole:]:
        value = t0[(value ^ byte) & 255] ^ value >> 8
    return value ^ ONES


assert crc64(b"123456789") == 0xAE8B14860A799888
