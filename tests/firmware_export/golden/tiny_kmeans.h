/* tiny_kmeans: anomaly detection. K-means, 2 clusters, 2 features.
 *
 * The score is a distance in standard deviations of the training data: how far the features lie outside the
 * nearest cluster. Negative: inside a cluster. 0: on its edge.
 * A score at or above 0.3 (TINY_KMEANS_THRESHOLD) is an anomaly. Scores end at 1000, which is also the score
 * of features that are NaN or infinite: they always are one.
 *
 * Use: put the features into an array, in the order of the axes, and ask.
 *   float features[TINY_KMEANS_INPUT_LEN];
 *   if (tiny_kmeans_is_anomaly(features)) ...
 *
 * Integers do the work. Floats appear where features come in and where a score goes out, and
 * -DTINY_KMEANS_NO_FLOAT leaves both out: tiny_kmeans_score_q() then takes inputs quantized elsewhere.
 * No heap, no files, no written globals; any number of threads may call at once. Arrays must not overlap.
 * Every core and every compiler gives the same bits. */
#ifndef TINY_KMEANS_H
#define TINY_KMEANS_H

#include <stddef.h>
#include <stdint.h>

/* Number of features. */
#define TINY_KMEANS_INPUT_LEN 2

/* A score at or above it is an anomaly; the same for integer scores. */
#define TINY_KMEANS_THRESHOLD 0.3f
#define TINY_KMEANS_THRESHOLD_Q 615

/* What one step of the integer score is worth: score = score_q * scale. */
#define TINY_KMEANS_SCORE_SCALE 0.00048828125f

#ifdef __cplusplus
extern "C" {
#endif

/* An input, -128 to 127; tiny_kmeans_score_q() takes no others. */
typedef int8_t tiny_kmeans_in_t;

/* Which output of the signal processing feature i is, i = 0 to 1; 65535 past the end. */
uint16_t tiny_kmeans_axis(size_t i);

/* Integer score of TINY_KMEANS_INPUT_LEN inputs; it grows with the score. At or above TINY_KMEANS_THRESHOLD_Q
 * it is an anomaly. */
int32_t tiny_kmeans_score_q(const tiny_kmeans_in_t *q);

#ifndef TINY_KMEANS_NO_FLOAT
/* TINY_KMEANS_INPUT_LEN features, in their own units and in the order of the axes, to as many inputs.
 * Features far outside the training data saturate, which is an anomaly. Where one is NaN or infinite, all
 * inputs become the largest value. */
void tiny_kmeans_quantize(const float *features, tiny_kmeans_in_t *q);

/* Score of TINY_KMEANS_INPUT_LEN features, at most 1000. */
float tiny_kmeans_score(const float *features);

/* 1 where the features are an anomaly, else 0. Decided on the integer score. */
int tiny_kmeans_is_anomaly(const float *features);
#endif

#ifdef __cplusplus
}
#endif

#endif
