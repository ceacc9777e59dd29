using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Latchkey.Cli;

/// <summary>
/// The certificate of https, from two PEM files. They are looked at again with new connections, once a second at most, so that a renewed certificate is
/// used without a restart; one that can't be read leaves the one in use.
/// </summary>
internal sealed class CertificateFiles
{
    private readonly SettingValue _certificate;
    private readonly SettingValue _key;
    private readonly Lock _lock = new();
    private (DateTime Certificate, DateTime Key) _stamp;
    private SslStreamCertificateContext _context;
    private long _checkedAt;

    /// <summary>Reads the files for the first time.</summary>
    /// <exception cref="SettingException">They can't be read or don't fit together.</exception>
    public CertificateFiles(SettingValue certificate, SettingValue key)
    {
        _certificate = certificate;
        _key = key;
        _stamp = Stamp();
        _context = Load();
    }

    /// <summary>The certificate with its chain, as the files have it.</summary>
    /// <param name="now">A monotonic time in milliseconds.</param>
    /// <param name="refused">Told of a change that can't be used.</param>
    public SslStreamCertificateContext Current(long now, Action<string> refused)
    {
        lock (_lock)
        {
            if (now - _checkedAt < 1000) return _context;
            _checkedAt = now;
            var stamp = Stamp();
            if (stamp == _stamp) return _context;
            try
            {
                _context = Load();
                _stamp = stamp;
            }
            catch (SettingException exception)
            {
                // Perhaps only half of the pair is written yet: it is tried again with the next second.
                refused(exception.Message);
            }

            return _context;
        }
    }

    /// <summary>Reads the authorities of client certificates.</summary>
    /// <exception cref="SettingException">The file can't be read or holds none.</exception>
    public static IReadOnlyList<X509Certificate2> ReadAuthorities(SettingValue file)
    {
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPemFile(file.Text);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new SettingException($"{file.Source} names {file.Text}, which can't be read as PEM certificates ({exception.Message}).", exception);
        }

        return authorities.Count > 0 ? [.. authorities] : throw new SettingException($"{file.Source} names {file.Text}, which holds no PEM certificate; give those of the authorities.");
    }

    private (DateTime Certificate, DateTime Key) Stamp() => (File.GetLastWriteTimeUtc(_certificate.Text), File.GetLastWriteTimeUtc(_key.Text));

    private SslStreamCertificateContext Load()
    {
        var chain = new X509Certificate2Collection();
        try
        {
            chain.ImportFromPemFile(_certificate.Text);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new SettingException($"{_certificate.Source} names {_certificate.Text}, which can't be read as a PEM certificate ({exception.Message}).", exception);
        }

        // A file without any certificate is read without complaint.
        if (chain.Count == 0) throw new SettingException($"{_certificate.Source} names {_certificate.Text}, which holds no PEM certificate; give the certificate with its chain.");

        try
        {
            var leaf = X509Certificate2.CreateFromPemFile(_certificate.Text, _key.Text);
            chain.RemoveAt(0);
            return SslStreamCertificateContext.Create(leaf, chain, offline: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new SettingException($"{_key.Source} names {_key.Text}, which can't be read as the certificate's PEM private key ({exception.Message}).", exception);
        }
    }
}
