/** The page's entry, whose name the server changes: nothing but this page may import it, so it is empty. */
import "./app";
