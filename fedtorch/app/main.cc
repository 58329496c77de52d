#include "fedtorch/app/app.h"

int main(int argc, char** argv) { return fedtorch::app::RunMain(argc, argv); }
