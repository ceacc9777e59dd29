using Microsoft.AspNetCore.Http;

namespace Latchkey.Client.AspNetCore.SignIn;

/// <summary>Reads a small form as it was sent, so that a repeated parameter stays visible.</summary>
internal static class FormBody
{
    private const int Longest = 64 * 1024;

    /// <summary>The body; null if it is longer than any of the forms meant here.</summary>
    public static async Task<byte[]?> ReadAsync(HttpRequest request, CancellationToken cancellation)
    {
        if (request.ContentLength > Longest) return null;
        using var body = new MemoryStream();
        var buffer = new byte[4096];
        int read;
        while ((read = await request.Body.ReadAsync(buffer, cancellation).ConfigureAwait(false)) > 0)
        {
            if (body.Length + read > Longest) return null;
            body.Write(buffer, 0, read);
        }

        return body.ToArray();
    }
}
