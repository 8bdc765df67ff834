import "./styles/parley.css";
import "./elements/chat";
import { sendOnEnter } from "./home";
import "./lists";
import { pollPart } from "./polling";
import { changePreferencesAtOnce } from "./preferences";

sendOnEnter(document);
pollPart(document);
changePreferencesAtOnce(document);
