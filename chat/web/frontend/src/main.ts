import "./styles/parley.css";
import "./elements/chat";
import { sendOnEnter } from "./home";
import "./lists";

sendOnEnter(document);
