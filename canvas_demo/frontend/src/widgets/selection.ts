/** The selection itself has nothing to show: it is a model that views share. */
export default {};
