/** This release; test/cli holds it together with package.json, which an image does not have at hand. */
export const release = '0.5.0';
