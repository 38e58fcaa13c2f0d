/* Test vectors of tiny_kmeans: for each row of features, the inputs that tiny_kmeans_quantize() must make of
 * it, the score that tiny_kmeans_score_q() must give them, and the answer of tiny_kmeans_is_anomaly(). Bit
 * for bit. */
#ifndef TINY_KMEANS_TEST_VECTORS_H
#define TINY_KMEANS_TEST_VECTORS_H

#include "tiny_kmeans.h"

#define TINY_KMEANS_TEST_VECTORS 2

#ifndef TINY_KMEANS_NO_FLOAT
static const float tiny_kmeans_test_features[TINY_KMEANS_TEST_VECTORS][TINY_KMEANS_INPUT_LEN] = {{0.25f, -8.0f}, {1.00000002e+30f, 3.0f}};

static const uint8_t tiny_kmeans_test_anomaly[TINY_KMEANS_TEST_VECTORS] = {0, 1};
#endif

static const tiny_kmeans_in_t tiny_kmeans_test_inputs[TINY_KMEANS_TEST_VECTORS][TINY_KMEANS_INPUT_LEN] = {{0, 39}, {127, 40}};

static const int32_t tiny_kmeans_test_score_q[TINY_KMEANS_TEST_VECTORS] = {-300, 4000};

#endif
