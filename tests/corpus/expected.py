"""What of Pillow's test images is not converted, or not to what Pillow shows: which, and why that is right."""

from __future__ import annotations

from typing import Final

# File: a part of the message, and why.
REJECTED: Final[dict[str, tuple[str, str]]] = {
    "10ct_32bit_128.tiff": (
        "unsupported: TIFF with signed or floating point pixels",
        "no gray level of Pillow's that would not lose something",
    ),
    "12bit.cropped.tif": (
        "unsupported: TIFF with pixels of 12 bits, photometric interpretation 1",
        "would become 16 bits",
    ),
    "16_bit_binary_pgm.tiff": (
        "unsupported: TIFF with signed or floating point pixels",
        "no gray level of Pillow's that would not lose something",
    ),
    "16bit.s.tif": (
        "unsupported: TIFF with signed or floating point pixels",
        "no gray level of Pillow's that would not lose something",
    ),
    "8bit.s.tif": ("unsupported: TIFF with signed or floating point pixels", "Pillow shows negative as bright"),
    "apng/chunk_no_fctl.png": (
        "truncated or corrupt PNG: frames out of order",
        "numbered otherwise than the specification wants",
    ),
    "apng/chunk_no_fdat.png": ("truncated or corrupt PNG: no pixels", "a frame without data"),
    "apng/chunk_repeat_fctl.png": (
        "truncated or corrupt PNG: frames out of order",
        "numbered otherwise than the specification wants",
    ),
    "apng/fctl_actl.png": (
        "truncated or corrupt PNG: frames out of order",
        "numbered otherwise than the specification wants",
    ),
    "apng/sequence_fdat_fctl.png": (
        "truncated or corrupt PNG: frames out of order",
        "numbered otherwise than the specification wants",
    ),
    "apng/sequence_gap.png": (
        "truncated or corrupt PNG: frames out of order",
        "numbered otherwise than the specification wants",
    ),
    "apng/sequence_reorder.png": (
        "truncated or corrupt PNG: frames out of order",
        "numbered otherwise than the specification wants",
    ),
    "apng/sequence_reorder_chunk.png": (
        "truncated or corrupt PNG: frames out of order",
        "numbered otherwise than the specification wants",
    ),
    "apng/sequence_repeat.png": (
        "truncated or corrupt PNG: frames out of order",
        "numbered otherwise than the specification wants",
    ),
    "apng/sequence_repeat_chunk.png": (
        "truncated or corrupt PNG: frames out of order",
        "numbered otherwise than the specification wants",
    ),
    "apng/sequence_start.png": (
        "truncated or corrupt PNG: frames out of order",
        "numbered otherwise than the specification wants",
    ),
    "apng/syntax_num_frames_high.png": (
        "truncated or corrupt PNG: not the 3 frames that it announces",
        "frames are missing, or too many",
    ),
    "apng/syntax_num_frames_invalid.png": (
        "truncated or corrupt PNG: not the 2147483649 frames that it announces",
        "frames are missing, or too many",
    ),
    "apng/syntax_num_frames_low.png": (
        "truncated or corrupt PNG: not the 1 frames that it announces",
        "frames are missing, or too many",
    ),
    "apng/syntax_num_frames_zero.png": ("truncated or corrupt PNG: no pixels", "a frame without data"),
    "bmp/b/badbitcount.bmp": (
        "unsupported: BMP with 30000 bits a pixel and compression 0",
        "Pillow rejects it as well",
    ),
    "bmp/b/badheadersize.bmp": (
        "unsupported: BMP with a header of 66 bytes",
        "a version that never was; Pillow rejects it as well",
    ),
    "bmp/b/badwidth.bmp": ("truncated or corrupt BMP: no size", "cut off, or nonsense"),
    "bmp/b/reallybig.bmp": ("3000000x2000000 is 6000000000000 pixels, more than 100000000", "over the limit"),
    "bmp/b/shortfile.bmp": ("truncated or corrupt BMP: pixels are missing", "cut off, or nonsense"),
    "bmp/g/rgb32bf.bmp": (
        "unsupported: BMP with colour masks FF000000, FF0, FF0000, 0",
        "channels that are not 8, 5 or 6 bits; Pillow rejects it as well",
    ),
    "bmp/q/pal8os2v2-16.bmp": (
        "unsupported: BMP with a header of 16 bytes",
        "a version that never was; Pillow rejects it as well",
    ),
    "bmp/q/rgb16-231.bmp": (
        "unsupported: BMP with colour masks 30, E, 1, 0",
        "channels that are not 8, 5 or 6 bits; Pillow rejects it as well",
    ),
    "bmp/q/rgb24jpeg.bmp": ("unsupported: BMP with 0 bits a pixel and compression 4", "Pillow rejects it as well"),
    "bmp/q/rgb24png.bmp": ("unsupported: BMP with 0 bits a pixel and compression 5", "Pillow rejects it as well"),
    "bmp/q/rgb32-111110.bmp": (
        "unsupported: BMP with colour masks FFE00000, 1FFC00, 3FF, 0",
        "channels that are not 8, 5 or 6 bits; Pillow rejects it as well",
    ),
    "bmp/q/rgba16-4444.bmp": (
        "unsupported: BMP with colour masks F00, F0, F, F000",
        "channels that are not 8, 5 or 6 bits; Pillow rejects it as well",
    ),
    "bmp/q/rgba32abf.bmp": ("unsupported: BMP with 32 bits a pixel and compression 6", "Pillow rejects it as well"),
    "broken.png": ("truncated or corrupt PNG", "cut off, or nonsense"),
    "broken_data_stream.png": ("truncated or corrupt PNG: wrong checksum of IDAT", "Pillow rejects it as well"),
    "decompression_bomb.gif": ("truncated or corrupt GIF", "cut off, or nonsense"),
    "hopper.Lab.tif": (
        "unsupported: TIFF with pixels of 8 bits, CIELab",
        "no RGB; its conversion to gray is another one",
    ),
    "hopper_unknown_pixel_mode.tif": (
        "unsupported: TIFF with pixels of 32 bits, photometric interpretation 2",
        "Pillow rejects it as well",
    ),
    "hopper_webp.tif": (
        "unsupported: TIFF with compression 50001",
        "WebP in TIFF, which this build of Pillow does not read",
    ),
    "l2rgb_read.bmp": ("3158064x48 is 151587072 pixels, more than 100000000", "over the limit"),
    "lab-green.tif": (
        "unsupported: TIFF with pixels of 8 bits, CIELab",
        "no RGB; its conversion to gray is another one",
    ),
    "lab-red.tif": ("unsupported: TIFF with pixels of 8 bits, CIELab", "no RGB; its conversion to gray is another one"),
    "lab.tif": ("unsupported: TIFF with pixels of 8 bits, CIELab", "no RGB; its conversion to gray is another one"),
    "libtiff_segfault.tif": (
        "truncated or corrupt TIFF: not the 23 strips or tiles that it should have",
        "cut off, or nonsense",
    ),
    "no_rows_per_strip.tif": (
        "unsupported: TIFF with signed or floating point pixels",
        "its second page is floating point",
    ),
    "oom-225817ca0f8c663be7ab4b9e717b02c661e66834.tif": ("truncated or corrupt TIFF", "cut off, or nonsense"),
    "seek_too_large.tif": ("truncated or corrupt TIFF", "cut off, or nonsense"),
    "separate_planar_extra_samples.tiff": (
        "unsupported: TIFF with signed or floating point pixels",
        "no gray level of Pillow's that would not lose something",
    ),
    "test_extents_transparency.gif": (
        "truncated or corrupt GIF: no block begins with 71",
        "junk where a block has to begin",
    ),
    "tiff_strip_cmyk_16l_jpeg.tif": (
        "unsupported: TIFF with pixels of 16 bits, photometric interpretation 5",
        "Pillow halves them",
    ),
    "timeout-6646305047838720": ("truncated or corrupt TIFF", "cut off, or nonsense"),
    "truncated_end_chunk.png": ("truncated or corrupt PNG", "cut off, or nonsense"),
    "truncated_image.png": ("truncated or corrupt PNG", "cut off, or nonsense"),
    "truncated_jpeg.jpg": ("truncated or corrupt JPEG: the image does not end", "cut off, or nonsense"),
    "ultrahdr.jpg": ("truncated or corrupt JPEG: the image does not end", "cut off in its first image"),
    "zero_width.gif": ("truncated or corrupt GIF: an image without a size", "cut off, or nonsense"),
}

# Files that Pillow does not read, so that there is nothing to compare with: what is in them.
NOT_READ_BY_PILLOW: Final[dict[str, str]] = {
    "bmp/b/badpalettesize.bmp": "says that it has more colours than a palette can have; it has 256",
    "bmp/q/pal2.bmp": "2 bits a pixel",
    "bmp/q/pal8oversizepal.bmp": "says that it has 300 colours, and has them",
    "png_decompression_dos.png": "a text that is large once decompressed; texts are dropped unread",
    "tiff_overflow_rows_per_strip.tif": "strips of more rows than the image has",
    "tiff_tiled_jpeg_oob_read.tif": "JPEG with a subsampling other than the tag says",
    "unknown_compression_method.png": "a colour profile that cannot be decompressed; profiles are dropped unread",
}

# Files that Pillow shows otherwise: how, and why ours is right.
OTHERWISE: Final[dict[str, str]] = {
    "apng/chunk_multi_actl.png": "still for Pillow: acTL is there twice",
    "app13.jpg": "colours out of gamut, which Pillow clips before it looks at their luma; 4x4 pixels",
    "exif_imagemagick_orientation.png": "orientation in a text chunk, which browsers do not read",
    "tiff_16bit_RGBa.tiff": "16-bit gray with alpha, which Pillow does not read",
    "tiff_strip_planar_16bit_RGBa.tiff": "16-bit gray with alpha, which Pillow does not read",
    "tiff_tiled_planar_16bit_RGBa.tiff": "16-bit gray with alpha, which Pillow does not read",
    "xmp_tags_orientation.png": "orientation in XMP, which browsers do not read",
    "xmp_tags_orientation_exiftool.png": "orientation in XMP, which browsers do not read",
}
