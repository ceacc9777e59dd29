using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Client.AspNetCore.Pages;

/// <summary>A plain page that says what happened and what to do next. It loads nothing from anywhere, and whatever it shows is escaped.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Title">What happened, a few words.</param>
/// <param name="Text">What happened and what to do, a sentence or two.</param>
/// <param name="Actions">What the person can do, the likeliest first.</param>
internal sealed record NoticePage(int Status, string Title, string Text, params PageAction[] Actions)
{
    private const string Style = """
        :root{color-scheme:light dark;--page:#f3f1ec;--surface:#fff;--ink:#1f2430;--muted:#5a6070;--line:#dedad1;--accent:#3d3a8c;--on:#fff}
        @media(prefers-color-scheme:dark){:root{--page:#11131a;--surface:#1a1d27;--ink:#eceef4;--muted:#a9afbf;--line:#303545;--accent:#b5b2f5;--on:#1c1a4a}}
        *{box-sizing:border-box}
        body{margin:0;min-block-size:100svh;display:grid;place-content:center;grid-template-columns:minmax(0,34rem);padding:1rem;background:var(--page);color:var(--ink);font:1rem/1.55 system-ui,sans-serif;overflow-wrap:anywhere}
        main{display:grid;gap:1.25rem;padding:2rem min(2.25rem,7vw);border:1px solid var(--line);border-radius:.625rem;background:var(--surface)}
        h1{margin:0;font-size:clamp(1.25rem,7vw,1.625rem);line-height:1.2;font-weight:650;text-wrap:balance}
        p{margin:0;color:var(--muted);text-wrap:pretty}
        .small{font-size:.875rem}
        code{font:.875em/1.5 ui-monospace,monospace}
        .actions{display:flex;flex-wrap:wrap;gap:.75rem;margin-block-start:.25rem}
        form{display:contents}
        .button{display:inline-flex;align-items:center;justify-content:center;min-block-size:3rem;padding:.625rem 1.25rem;border:1px solid var(--accent);border-radius:.4375rem;background:var(--accent);color:var(--on);font:inherit;font-weight:600;text-decoration:none;cursor:pointer}
        .button:nth-child(n+2){background:none;color:var(--accent)}
        @media(max-width:25rem){.button{inline-size:100%}}
        :focus-visible{outline:3px solid var(--accent);outline-offset:2px}
        """;

    private static readonly string StyleHash = Convert.ToBase64String(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(Style)));

    /// <summary>The OAuth error code, for the developer.</summary>
    public string? Code { get; init; }

    /// <summary>What the developer should mend.</summary>
    public string? Detail { get; init; }

    /// <summary>Where the browser goes by itself, at once; the page is for those that don't, and for programs.</summary>
    public string? GoTo { get; init; }

    /// <summary>The origin that a form of the page leads on to: Chromium holds form-action against redirects too.</summary>
    public string? FormTarget { get; init; }

    /// <summary>Answers with the page; whoever asks for JSON gets the error as that.</summary>
    public Task WriteAsync(HttpContext context)
    {
        var response = context.Response;
        response.StatusCode = Status;
        Harden(response, FormTarget);
        if (Code is not null && WantsJson(context.Request)) return WriteErrorAsync(context, Status, Code, Detail ?? Text);
        response.ContentType = "text/html; charset=utf-8";
        var detail = Code is null ? "" : $"<p class=\"small\">Error: <code>{E(Code)}</code>{(Detail is null ? "" : $"<br>{E(Detail)}")}</p>";
        var actions = string.Concat(Actions.Select(action => action.IsPost
            ? $"<form method=\"post\" action=\"{E(action.Url)}\"><button class=\"button\">{E(action.Name)}</button></form>"
            : $"<a class=\"button\" href=\"{E(action.Url)}\">{E(action.Name)}</a>"));
        return response.WriteAsync($"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            {(GoTo is null ? "" : $"<meta http-equiv=\"refresh\" content=\"0;url={E(GoTo)}\">")}
            <title>{E(Title)}</title>
            <link rel="icon" href="data:,">
            <style>{Style}</style>
            </head>
            <body>
            <main>
            <h1>{E(Title)}</h1>
            <p>{E(Text)}</p>
            {detail}
            <div class="actions">{actions}</div>
            </main>
            </body>
            </html>
            """, context.RequestAborted);
    }

    /// <summary>An error for a program: <c>{"error", "error_description"}</c>.</summary>
    public static Task WriteErrorAsync(HttpContext context, int status, string code, string description)
    {
        context.Response.StatusCode = status;
        Harden(context.Response, null);
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync($"{{\"error\":\"{JavaScriptEncoder.Default.Encode(code)}\",\"error_description\":\"{JavaScriptEncoder.Default.Encode(description)}\"}}", context.RequestAborted);
    }

    /// <summary>The headers of whatever is answered during sign-in: codes and states in the address stay out of caches and of Referer.</summary>
    public static void Harden(HttpResponse response, string? formTarget)
    {
        var headers = response.Headers;
        headers.CacheControl = "no-store";
        headers["Referrer-Policy"] = "no-referrer";
        headers.XContentTypeOptions = "nosniff";
        headers.ContentSecurityPolicy =
            $"default-src 'none'; style-src 'sha256-{StyleHash}'; img-src data:; form-action 'self'{(formTarget is null ? "" : " " + formTarget)}; frame-ancestors 'none'; base-uri 'none'";
    }

    private static bool WantsJson(HttpRequest request)
    {
        var accept = request.Headers.Accept.ToString();
        return accept.Contains("application/json", StringComparison.OrdinalIgnoreCase) && !accept.Contains("text/html", StringComparison.OrdinalIgnoreCase);
    }

    private static string E(string text) => HtmlEncoder.Default.Encode(text);
}

/// <summary>A link, or a button that posts.</summary>
internal sealed record PageAction(string Name, string Url, bool IsPost = false);
