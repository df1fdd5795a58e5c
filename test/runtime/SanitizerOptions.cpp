// What the tests ask of the sanitizers, when they are built with them: a request for too much memory fails as it does
// without them, and a child after fork() may start threads.
extern "C" {
// They exist with default visibility in the sanitizers' libraries, which look for these definitions.
__attribute__((visibility("default"), used)) const char *__asan_default_options() {
  return "allocator_may_return_null=1";
}
__attribute__((visibility("default"), used)) const char *__tsan_default_options() {
  return "allocator_may_return_null=1:die_after_fork=0";
}
}
