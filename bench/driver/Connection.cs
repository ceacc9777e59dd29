using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Latchkey.Bench;

/// <summary>
/// One keep-alive HTTP/1.1 connection on loopback: bytes out, status, head and body in. A driver that shares the processors with what it measures must
/// cost little, so there is no HttpClient here.
/// </summary>
internal sealed class Connection(int port) : IDisposable
{
    private Socket? _socket;
    private byte[] _buffer = new byte[32 * 1024];
    private int _filled, _headLength, _bodyStart, _bodyLength, _end;

    public int Status { get; private set; }

    public ReadOnlySpan<byte> Head => _buffer.AsSpan(0, _headLength);

    public ReadOnlySpan<byte> Body => _buffer.AsSpan(_bodyStart, _bodyLength);

    /// <summary>Sends a request and reads the answer; once more where the server had closed the connection.</summary>
    /// <returns>The status; 0 if there was no answer.</returns>
    public async ValueTask<int> SendAsync(ReadOnlyMemory<byte> request)
    {
        for (var attempt = 0; ; attempt++)
        {
            var isNew = _socket is null;
            if (_socket is null)
            {
                _socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await _socket.ConnectAsync(IPAddress.Loopback, port);
            }

            try
            {
                await _socket.SendAsync(request, SocketFlags.None);
                if (await ReadAsync()) return Status;
            }
            catch (SocketException) when (!isNew && attempt == 0)
            {
                // Closed while it lay idle.
            }

            Close();
            if (isNew || attempt > 0) return Status = 0;
        }
    }

    /// <summary>Sends requests in one piece and reads their answers, on a connection that stays open.</summary>
    /// <param name="requests">The requests, one behind the other.</param>
    /// <param name="count">How many they are.</param>
    /// <returns>How many were answered with 200.</returns>
    public async ValueTask<int> SendTogetherAsync(ReadOnlyMemory<byte> requests, int count)
    {
        var good = await SendAsync(requests) == 200 ? 1 : 0;
        for (var i = 1; i < count && await ReadAsync(); i++) good += Status == 200 ? 1 : 0;
        return good;
    }

    /// <summary>The value of a header (name in lower case); empty if it is absent.</summary>
    public ReadOnlySpan<byte> Header(ReadOnlySpan<byte> name)
    {
        for (var rest = Head; rest.Length > 0;)
        {
            var end = rest.IndexOf("\r\n"u8);
            var line = end < 0 ? rest : rest[..end];
            if (line.Length > name.Length && line[name.Length] == (byte)':' && Ascii.EqualsIgnoreCase(line[..name.Length], name)) return line[(name.Length + 1)..].Trim((byte)' ');
            rest = end < 0 ? default : rest[(end + 2)..];
        }

        return default;
    }

    /// <summary>The text of a member of the JSON body, for texts that need no unescaping; null if it is absent.</summary>
    /// <param name="member">The name with its quotes.</param>
    public string? Text(ReadOnlySpan<byte> member)
    {
        var start = Body.IndexOf(member);
        if (start < 0) return null;
        var rest = Body[(start + member.Length)..];
        rest = rest[(rest.IndexOf((byte)'"') + 1)..];
        var end = rest.IndexOf((byte)'"');
        return end < 0 ? null : Encoding.ASCII.GetString(rest[..end]);
    }

    public void Dispose() => Close();

    private async ValueTask<bool> ReadAsync()
    {
        // What came behind the last answer begins the next.
        _buffer.AsSpan(_end, _filled - _end).CopyTo(_buffer);
        (_filled, _end, _bodyLength) = (_filled - _end, 0, 0);
        int end;
        while ((end = _buffer.AsSpan(0, _filled).IndexOf("\r\n\r\n"u8)) < 0)
        {
            if (!await FillAsync(_filled + 1)) return false;
        }

        (_headLength, _bodyStart) = (end + 2, end + 4);
        Status = Utf8Parser.TryParse(_buffer.AsSpan(9, 3), out int status, out _) ? status : 0;
        var closes = Ascii.EqualsIgnoreCase(Header("connection"u8), "close"u8);
        if (Utf8Parser.TryParse(Header("content-length"u8), out int length, out _))
        {
            if (!await FillAsync(_bodyStart + length)) return false;
            _bodyLength = length;
            _end = _bodyStart + length;
        }
        else if (Header("transfer-encoding"u8).Length > 0)
        {
            if (!await ReadChunksAsync()) return false;
        }
        else
        {
            _end = _bodyStart;
        }

        if (closes) Close();
        return true;
    }

    /// <summary>Reads chunks and moves them together.</summary>
    private async ValueTask<bool> ReadChunksAsync()
    {
        var (from, to) = (_bodyStart, _bodyStart);
        while (true)
        {
            int line;
            while ((line = _buffer.AsSpan(from, _filled - from).IndexOf("\r\n"u8)) < 0)
            {
                if (!await FillAsync(_filled + 1)) return false;
            }

            if (!Utf8Parser.TryParse(_buffer.AsSpan(from, line), out int size, out _, 'x')) return false;
            from += line + 2;
            if (!await FillAsync(from + size + 2)) return false;
            _buffer.AsSpan(from, size).CopyTo(_buffer.AsSpan(to));
            (from, to) = (from + size + 2, to + size);
            if (size > 0) continue;
            (_bodyLength, _end) = (to - _bodyStart, from);
            return true;
        }
    }

    private async ValueTask<bool> FillAsync(int needed)
    {
        if (_buffer.Length < needed) Array.Resize(ref _buffer, Math.Max(needed, _buffer.Length * 2));
        while (_filled < needed)
        {
            var read = await _socket!.ReceiveAsync(_buffer.AsMemory(_filled), SocketFlags.None);
            if (read == 0) return false;
            _filled += read;
        }

        return true;
    }

    private void Close()
    {
        _socket?.Dispose();
        _socket = null;
        (_filled, _end) = (0, 0);
    }
}
