/* DEPTHWISE_CONV_2D, 3x3, stride 1 or 2, a multiple of four channels: its shape. */

/* "Rows" run along the longer side of the picture: rows may be its columns. */
struct model_depthwise_3x3_layer {
  uint16_t height, width, depth;
  uint16_t out_height, out_width;
  uint16_t pad_top, pad_left;
  uint16_t stride;
  uint16_t words; /* of a row of one channel */
  uint16_t row_step, pixel_step;         /* bytes from row to row, and from pixel to pixel */
  uint16_t out_row_step, out_pixel_step;
};
