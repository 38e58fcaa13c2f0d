/* tiny_gmm: anomaly detection. Gaussian mixture, 1 components with full covariance, 3 features.
 *
 * The score says how unusual the likelihood of the features is: |log-likelihood - its mean over the training
 * data| / its standard deviation there. Near 0: as likely as training data. It is never negative, and rises
 * for features that are unusually likely as well.
 * A score at or above 2.5 (TINY_GMM_THRESHOLD) is an anomaly. Scores end at 1000, which is also the score of
 * features that are NaN or infinite: they always are one.
 *
 * Use: put the features into an array, in the order of the axes, and ask.
 *   float features[TINY_GMM_INPUT_LEN];
 *   if (tiny_gmm_is_anomaly(features)) ...
 *
 * Integers do the work. Floats appear where features come in and where a score goes out, and
 * -DTINY_GMM_NO_FLOAT leaves both out: tiny_gmm_score_q() then takes inputs quantized elsewhere.
 * No heap, no files, no written globals; any number of threads may call at once. Arrays must not overlap.
 * Every core and every compiler gives the same bits. */
#ifndef TINY_GMM_H
#define TINY_GMM_H

#include <stddef.h>
#include <stdint.h>

/* Number of features. */
#define TINY_GMM_INPUT_LEN 3

/* A score at or above it is an anomaly; the same for integer scores. */
#define TINY_GMM_THRESHOLD 2.5f
#define TINY_GMM_THRESHOLD_Q 20480

/* What one step of the integer score is worth: score = score_q * scale. */
#define TINY_GMM_SCORE_SCALE 0.000122070312f

#ifdef __cplusplus
extern "C" {
#endif

/* An input, -16384 to 16383; tiny_gmm_score_q() takes no others. 16 bits, because 8 were found too coarse for
 * this model. */
typedef int16_t tiny_gmm_in_t;

/* Which output of the signal processing feature i is, i = 0 to 2; 65535 past the end. */
uint16_t tiny_gmm_axis(size_t i);

/* Integer score of TINY_GMM_INPUT_LEN inputs; it grows with the score. At or above TINY_GMM_THRESHOLD_Q it is
 * an anomaly. */
int32_t tiny_gmm_score_q(const tiny_gmm_in_t *q);

#ifndef TINY_GMM_NO_FLOAT
/* TINY_GMM_INPUT_LEN features, in their own units and in the order of the axes, to as many inputs. Features
 * far outside the training data saturate, which is an anomaly. Where one is NaN or infinite, all inputs
 * become the largest value. */
void tiny_gmm_quantize(const float *features, tiny_gmm_in_t *q);

/* Score of TINY_GMM_INPUT_LEN features, at most 1000. */
float tiny_gmm_score(const float *features);

/* 1 where the features are an anomaly, else 0. Decided on the integer score. */
int tiny_gmm_is_anomaly(const float *features);
#endif

#ifdef __cplusplus
}
#endif

#endif
