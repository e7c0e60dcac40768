export { shownFile } from '../paths.js';
