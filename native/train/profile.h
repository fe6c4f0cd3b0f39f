// Where the time of training steps goes: by phase, and operation by operation as a trace.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "engine/engine.h"

namespace ser {

enum class Phase { waiting, mixing, encoder, head, losses, backward, optimiser, other };

// Marks what a step does from here on, where a profile runs on this thread; else costs a test of a pointer.
void profile_phase(Phase phase);

// A step lives as long as this; what lies between two of them is `waiting`.
class ProfiledStep {
 public:
  ProfiledStep();
  ~ProfiledStep();
  ProfiledStep(const ProfiledStep&) = delete;
  ProfiledStep& operator=(const ProfiledStep&) = delete;
};

// Profiles the steps that this thread computes while it lives: phases by the wall clock on the CPU, by events on the current
// stream of an accelerator, so that nothing waits for the device until the end.
class Profile {
 public:
  // One at a time on a thread: throws E_ARGUMENT for a second.
  explicit Profile(at::Device device);
  ~Profile();
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  // Ends it; writes the trace (JSON of Chrome's trace viewer) to `path`. On the thread that made it.
  ProfileResult finish(const std::string& path);

 private:
  friend void profile_phase(Phase phase);
  friend class ProfiledStep;
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace ser
