/* FULLY_CONNECTED of one row. Scratch: the row as a column. */
static MODEL_HOT void model_fully_connected(const struct model_matrix *matrix, const int16_t *weights,
                                            const struct model_channel *channels, const struct model_output *out,
                                            const int8_t *from, size_t depth, int8_t *to, int16_t *scratch)
{
  model_clear_columns(scratch, matrix->words, 1);
  model_widen(from, scratch, depth, 1);
  model_dense(matrix, weights, channels, out, scratch, to);
}
