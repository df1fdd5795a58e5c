/* Opens a compiled digit classifier and asks it what the picture below shows.
 *
 *   classify digits.so
 *
 * The program knows nothing about the model but the names of its input and output: it can be started with another
 * library that has the same ones. */
#include <stdio.h>
#include <tenon/tenon.h>

/* A handwritten digit, 0 (paper) to 16 (ink). */
static const float picture[1][1][8][8] = {{{
    {0, 0, 8, 13, 12, 3, 0, 0},
    {0, 6, 15, 7, 9, 12, 0, 0},
    {0, 0, 0, 0, 7, 11, 0, 0},
    {0, 0, 0, 4, 15, 3, 0, 0},
    {0, 0, 0, 10, 16, 9, 0, 0},
    {0, 0, 0, 0, 4, 15, 7, 0},
    {0, 0, 11, 2, 1, 15, 7, 0},
    {0, 0, 8, 16, 16, 12, 0, 0},
}}};

static int classify(tenon_session *session) {
  int64_t dims[] = {1, 1, 8, 8};
  tenon_named_tensor pixels = {"pixels", tenon_dense_tensor(TENON_F32, 4, dims, picture)};
  /* Left empty: the session provides the memory, until the next run. */
  tenon_named_tensor scores = {"scores", {0}};
  if (tenon_run_named(session, &pixels, 1, &scores, 1) != TENON_OK) {
    fprintf(stderr, "%s\n", tenon_session_error(session));
    return 1;
  }
  const float *score = scores.tensor.data;
  int best = 0;
  for (int digit = 0; digit < scores.tensor.dims[1]; ++digit) {
    printf("%d: %6.2f\n", digit, score[digit]);
    if (score[digit] > score[best])
      best = digit;
  }
  printf("this is a %d\n", best);
  return 0;
}

int main(int argc, char **argv) {
  char error[512];
  tenon_module *module;
  tenon_session *session;
  int failed = 1;
  if (argc != 2) {
    fprintf(stderr, "usage: %s MODEL.so\n", argv[0]);
    return 2;
  }
  if (tenon_open(argv[1], NULL, &module, error, sizeof error) != TENON_OK) {
    fprintf(stderr, "%s\n", error);
    return 1;
  }
  if (tenon_session_create(module, 1, &session, error, sizeof error) == TENON_OK) {
    failed = classify(session);
    tenon_session_destroy(session);
  } else {
    fprintf(stderr, "%s\n", error);
  }
  tenon_close(module);
  return failed;
}
