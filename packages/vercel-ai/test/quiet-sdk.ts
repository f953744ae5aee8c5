// The SDK's own warnings (deprecations, old versions of models) are what some tests are about.
globalThis.AI_SDK_LOG_WARNINGS = false;
