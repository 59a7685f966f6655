import * as z from 'zod';

/** Origin of pages that may call the API: scheme, host and port as a browser sends them, `:*` for any port, or `*` for all origins. */
export const corsOriginSchema = z
  .string()
  .regex(
    /^(?:\*|[a-z][a-z0-9+.-]*:\/\/[^/*\s]+?(?::\*)?)$/,
    'Expected an origin without a path, for instance "https://app.example.com" or "http://localhost:*"; or "*" for all origins',
  );
