"""A CMake project: a library target, an example, a self-test for ctest."""

from __future__ import annotations

from firmware_export.packages.model import PackagedModel, example, readme, self_test


def files(model: PackagedModel) -> dict[str, bytes]:
    """The project's files by their relative names."""
    name = model.name
    lists = f"""cmake_minimum_required(VERSION 3.13)
project({name} C)

add_library({name} STATIC src/{name}.c)
target_include_directories({name} PUBLIC include)
set_target_properties({name} PROPERTIES C_STANDARD 99)

# Example and self-test only where this is the project itself, not a part of another one.
if(CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR)
  enable_testing()
  add_executable({name}_example example/main.c)
  target_link_libraries({name}_example {name})
  add_executable({name}_self_test test/self_test.c)
  target_link_libraries({name}_self_test {name})
  add_test(NAME {name}_self_test COMMAND {name}_self_test)
endif()
"""
    main = f"int main(void)\n{{\n  return {name}_self_test();\n}}\n"
    texts = {
        "CMakeLists.txt": lists,
        "README.md": readme(model),
        f"include/{name}.h": model.header,
        f"src/{name}.c": model.source,
        "example/main.c": example(model),
        "test/self_test.c": self_test(model, report="", main=main),
        f"test/{name}_test_vectors.h": model.vectors,
    }
    return {path: text.encode() for path, text in texts.items()}
