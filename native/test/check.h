// A few lines in place of a test framework: every check prints what it checked, a failed one where and what was found, and
// the program's exit status says whether all held. With SER_FAIL_FAST in the environment the first failed check ends it.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

namespace ser::test {

inline int& failures() {
  static int count = 0;
  return count;
}

inline void report(bool ok, const std::string& what, const char* file, int line) {
  if (ok) {
    std::printf("  ok    %s\n", what.c_str());
  } else {
    ++failures();
    std::printf("  FAIL  %s (%s:%d)\n", what.c_str(), file, line);
  }
  std::fflush(stdout);
  if (!ok && std::getenv("SER_FAIL_FAST") != nullptr) std::_Exit(1);
}

inline std::string figure(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

// The greater of two errors, NaN being the greatest of all: std::max would lose it.
inline double worse(double a, double b) { return std::isnan(a) || b <= a ? a : b; }

// Passes where `error` is a number not above `limit`; NaN fails.
inline void report_within(double error, double limit, const std::string& what, const char* file, int line) {
  report(error <= limit, what + ": " + figure(error) + " <= " + figure(limit), file, line);
}

inline int finish(const char* name) {
  std::printf("%s: %s\n", name, failures() == 0 ? "all checks hold" : "FAILED");
  return failures() == 0 ? 0 : 1;
}

}  // namespace ser::test

#define SER_CHECK(condition, what) ::ser::test::report(static_cast<bool>(condition), what, __FILE__, __LINE__)
#define SER_CHECK_WITHIN(error, limit, what) ::ser::test::report_within(error, limit, what, __FILE__, __LINE__)
// Passes where the statement throws ser::Error of this code with `part` in its sentence.
#define SER_CHECK_ERROR(statement, expected_code, part)                              \
  do {                                                                               \
    std::string found = "nothing was thrown";                                        \
    bool ok = false;                                                                 \
    try {                                                                            \
      statement;                                                                     \
    } catch (const ::ser::Error& error) {                                            \
      found = error.code() + ": " + error.what();                                    \
      ok = error.code() == (expected_code) && found.find(part) != std::string::npos; \
    } catch (const std::exception& error) {                                          \
      found = std::string("another exception: ") + error.what();                     \
    }                                                                                \
    ::ser::test::report(ok, "refused: " + found, __FILE__, __LINE__);                \
  } while (false)
