// Gives the precompiled header a target to belong to.
#include "tools/cmake/MlirHeaders.h"
