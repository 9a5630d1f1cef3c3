#!/usr/bin/env node
// Stands here before anything is built, so that npm links it when it installs.
import '../dist/main.js';
