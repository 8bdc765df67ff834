import "./styles/parley.css";
import "./elements/chat";
import { followText } from "./follow";
import { sendOnEnter } from "./home";
import "./lists";
import { pollPart } from "./polling";
import { changePreferencesAtOnce } from "./preferences";
import { drawMarkdown } from "./shared";
import { listenForShortcuts } from "./shortcuts";
import { keepTimes } from "./times";

sendOnEnter(document);
pollPart(document);
followText(document);
changePreferencesAtOnce(document);
listenForShortcuts(document);
keepTimes(document);
drawMarkdown(document);
