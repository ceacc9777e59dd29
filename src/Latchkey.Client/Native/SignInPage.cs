using System.Security.Cryptography;
using System.Text;

namespace Latchkey.Client.Native;

/// <summary>What the browser shows at the end: nothing of it comes from the request, nothing is loaded, and the address with the code goes nowhere.</summary>
internal sealed class SignInPage
{
    private const string Style =
        ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-content:center;text-align:center;padding:1rem}"
        + "h1{font-size:1.5rem;margin:0}";

    private SignInPage(string status, string title, string text, string headers = "")
    {
        var hash = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Style)));
        var body = $"""
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title><style>{Style}</style></head>
            <body><main><h1>{title}</h1><p>{text}</p></main></body></html>

            """;
        var head = $"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\nConnection: close\r\n"
            + "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n"
            + $"Content-Security-Policy: default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'\r\n{headers}\r\n";
        Response = Encoding.UTF8.GetBytes(head + body);
    }

    public static SignInPage Done { get; } = new("200 OK", "You are signed in", "You can close this page and go back to the app.");

    public static SignInPage Failed { get; } = new("400 Bad Request", "Sign-in did not work", "Nothing was changed. Go back to the app, which says why, and try again there.");

    public static SignInPage Unknown { get; } = new("400 Bad Request", "Not the sign-in that is waited for", "This answer belongs to another sign-in. Go back to the app and start again there.");

    public static SignInPage NotFound { get; } = new("404 Not Found", "Nothing here", "An app is waiting here for a sign-in to end.");

    public static SignInPage MethodNotAllowed { get; } = new("405 Method Not Allowed", "Nothing here", "An app is waiting here for a sign-in to end.", "Allow: GET\r\n");

    public static SignInPage BadRequest { get; } = new("400 Bad Request", "Nothing here", "That was no request of a browser that comes back from a sign-in.");

    /// <summary>The whole response.</summary>
    public ReadOnlyMemory<byte> Response { get; }
}
