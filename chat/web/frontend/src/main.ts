import "./styles/parley.css";
import "./elements/chat";
import { sendOnEnter } from "./home";
import "./lists";
import { pollPart } from "./polling";

sendOnEnter(document);
pollPart(document);
