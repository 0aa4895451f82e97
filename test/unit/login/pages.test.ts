import { describe, expect, it } from 'vitest';
import { markup } from '../../../src/login/markup.ts';
import { choicePage, goOnPage, loggedOutPage, logoutPage, refusalPage } from '../../../src/login/pages.ts';

const EVIL = `"><script>alert('1')</script>&amp;`;

describe('the pages of login and logout', () => {
  it.each([
    ['a choice', choicePage([{ text: EVIL, href: `/auth/login?provider=${EVIL}` }])],
    ['a refusal', refusalPage(EVIL, EVIL, EVIL)],
    ['a logout', logoutPage(EVIL)],
    ['a way on', goOnPage(EVIL)],
  ])('E3 %s holds what it is given as text alone', (_, { html: text }) => {
    expect(text).not.toContain('<script');
    expect(text).toContain('&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;');
  });

  it.each([
    ['a choice', choicePage([])],
    ['a refusal', refusalPage('No', 'No.')],
    ['a logout', logoutPage('token')],
    ['being logged out', loggedOutPage()],
    ['a way on', goOnPage('/auth/callback')],
  ])('%s has a language, a title, one heading, and nothing from elsewhere', (_, { html: text }) => {
    expect(text).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(text).toMatch(/<title>[^<]+<\/title>/);
    expect(text.match(/<h1>/g)).toHaveLength(1);
    expect(text.match(/<main>/g)).toHaveLength(1);
    expect(text).not.toMatch(/https?:|<script|<img|<link|@import|\bon[a-z]+=/);
  });

  it('puts pieces of markup together without escaping them twice', () => {
    const items = ['a & b', '<c>'].map((text) => markup`<li>${text}</li>`);
    expect(markup`<ul>${items}</ul>`.html).toBe('<ul><li>a &amp; b</li>\n<li>&lt;c&gt;</li></ul>');
  });
});
