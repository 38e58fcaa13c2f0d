"""An ESP-IDF component with a self-test application."""

from __future__ import annotations

from firmware_export.packages.model import PackagedModel, example, readme, self_test


def files(model: PackagedModel) -> dict[str, bytes]:
    """The component's files by their relative names."""
    name = model.name
    manifest = f"""version: "1.0.0"
description: "{name}: {model.sentence}"
dependencies:
  idf: ">=4.4"
"""
    component = f"""idf_component_register(SRCS "src/{name}.c" INCLUDE_DIRS "include")
"""
    project = f"""cmake_minimum_required(VERSION 3.16)
set(EXTRA_COMPONENT_DIRS "${{CMAKE_CURRENT_LIST_DIR}}/../../..")
set(COMPONENTS main {name})
include($ENV{{IDF_PATH}}/tools/cmake/project.cmake)
project({name}_self_test)
"""
    part = f"""idf_component_register(SRCS "main.c" INCLUDE_DIRS "." REQUIRES {name})
"""
    main = f"""void app_main(void)
{{
  printf("%d test vectors failed\\n", {name}_self_test());
}}
"""
    usage = example(model, entry="int example(void)")
    texts = {
        "CMakeLists.txt": component,
        "idf_component.yml": manifest,
        "README.md": readme(model),
        f"include/{name}.h": model.header,
        f"src/{name}.c": model.source,
        "examples/use.c": usage,
        "examples/self_test/CMakeLists.txt": project,
        "examples/self_test/main/CMakeLists.txt": part,
        "examples/self_test/main/main.c": self_test(model, report="#include <stdio.h>\n", main=main),
        f"examples/self_test/main/{name}_test_vectors.h": model.vectors,
    }
    return {f"{name}/{path}": text.encode() for path, text in texts.items()}
